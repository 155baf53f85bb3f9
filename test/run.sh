#!/bin/sh
# npm test [-- WHAT...]   everything, or the projects (unit, libvirt, e2e) and files that WHAT names: `npm test -- unit`,
# `npm test -- change-plan`, `npm test -- test/libvirt/link-state.test.ts`. Vitest's own options pass through, in the
# form --option=value.
#
# Installs what is missing first; the Debian packages only if something is to run that needs them.
set -eu
cd "$(dirname "$0")/.."

needs=packages
named=no
for what in "$@"; do
  shift
  case "$what" in
    unit | libvirt | e2e) set -- "$@" "--project=$what" ;;
    *) set -- "$@" "$what" ;;
  esac
  case "$what" in
    unit) named=yes ;;
    libvirt | e2e) named=yes needs=lab ;;
    -*) ;;
    *)
      named=yes
      [ -z "$(find test/libvirt test/e2e -path "*$what*" -name '*.test.ts' 2>/dev/null)" ] || needs=lab
      ;;
  esac
done
[ "$named" = yes ] || needs=lab

sh setup/ensure.sh "$needs"
export PATH="$PWD/node_modules/.bin:$PATH"
exec vitest run "$@"
