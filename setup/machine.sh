# Can this machine run the lab? Each thing that is missing is one sentence. And one setup of it at a time.

# Takes the path of the os-release file.
require_lab_machine() {
  . "$1"
  case "${ID-unknown} ${VERSION_ID-}" in
    "debian 12" | "debian 13") ;;
    *) give_up "the lab runs on Debian 12 or 13, and this is ${PRETTY_NAME:-an unknown system}: use such a machine or a privileged container of it; \`npm test -- unit\` runs anywhere." ;;
  esac
  [ "$(uname -m)" = x86_64 ] ||
    give_up "the lab's guests are x86-64, and this machine is $(uname -m): use an x86-64 machine; \`npm test -- unit\` runs here too."
  [ "$(id -u)" = 0 ] ||
    give_up "installing Debian packages and building the lab's hosts needs root: run the same command as root; \`npm test -- unit\` needs no root."
  unshare -m -n -p -u --fork true 2>/dev/null ||
    give_up "root may not make namespaces here, and the lab's hosts live in them: use a virtual machine, or a container started with --privileged."
}

lock_machine() {
  exec 9>/run/lock/patchbay-setup
  flock -n 9 || { say "waiting for another setup to finish ..." && flock 9; }
}

unlock_machine() {
  exec 9>&-
}
