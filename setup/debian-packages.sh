# The Debian packages that the lab's hosts are made of, and those of Nodes that run pods and of the image that they run.
# No service of theirs is started on the machine itself. (lua5.1: what Argo CD runs health checks by.)

DEBIAN_PACKAGES="libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils openvswitch-switch dnsmasq-base iproute2
nftables ebtables busybox-static cpio python3-libvirt util-linux procps
lua5.1"
NODE_DEBIAN_PACKAGES="containerd runc containernetworking-plugins buildah debootstrap"

POLICY=/usr/sbin/policy-rc.d
KEPT_POLICY=/usr/sbin/policy-rc.d.kept-by-patchbay-setup

# Takes the names of packages.
ensure_debian_packages() {
  mend_policy
  missing=$(missing_debian_packages "$@")
  if [ -n "$missing" ]; then
    install_debian_packages $missing
  fi
}

may_install_debian_packages() {
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]
}

missing_debian_packages() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

install_debian_packages() {
  log=$(mktemp "${TMPDIR:-/tmp}/patchbay-apt.XXXXXX")
  deny_services
  # An install that was killed half-way is finished first; apt does nothing before.
  DEBIAN_FRONTEND=noninteractive dpkg --configure -a >"$log" 2>&1 </dev/null || true
  say "looking up Debian packages: $*"
  if ! apt_get install --simulate "$@" >"$log" 2>&1; then
    update_package_lists
    apt_get install --simulate "$@" >"$log" 2>&1 || cannot_be_had "$log"
  fi
  sizes=$(apt_get install --assume-no "$@" 2>/dev/null | sizes)
  say "loading them and what they need${sizes:+ ($sizes)} ..."
  # Lists that are older than the archive name files that are gone from it.
  if ! apt_get install -y --download-only "$@" >"$log" 2>&1; then
    update_package_lists
    apt_get install -y --download-only "$@" >"$log" 2>&1 || cannot_be_had "$log"
  fi
  say "unpacking and setting them up, without starting any service ..."
  if ! apt_get install -y "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    give_up "apt-get could not set the packages up: mend what it says above (the whole log is $log) and run this again."
  fi
  allow_services
  rm -f "$log"
  say "Debian packages are installed; none of their services was started."
  services=$(services_of "$@")
  [ -z "$services" ] ||
    say "Debian starts$services with the next boot of this machine; if it shall not: systemctl disable$services"
}

services_of() {
  for package in "$@"; do
    case "$package" in
      libvirt-daemon-system) printf ' libvirtd' ;;
      openvswitch-switch | containerd) printf ' %s' "$package" ;;
    esac
  done
}

# Waits for another apt or dpkg instead of failing.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" </dev/null
}

# From apt's "Need to get 73.1 MB of archives. / After this operation, 292 MB of additional disk space will be used."
sizes() {
  sed -n -e 's/^Need to get \(.*\) of archives.*/\1 to load/p' -e 's/^After this operation, \(.*\) of additional.*/\1 on disk/p' | paste -s -d , | sed 's/,/, /'
}

# A source of the machine's own that is down need not matter, so what counts is whether the packages are found afterwards.
update_package_lists() {
  say "updating the lists of Debian packages (apt-get update) ..."
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1 || true
}

cannot_be_had() {
  reason=$(sed -n 's/^E: \(.*[^ ]\) *$/\1/p' "$1" | head -n 1)
  rm -f "$1"
  give_up "a Debian package cannot be had (${reason:-apt-get says nothing more}): check the network and that the sources of apt name Debian's main archive, and run this again."
}

# The policy file tells Debian's maintainer scripts whether they may start services: 101 is no. One that was there
# before comes back, also after Ctrl-C (sh waits for apt to come to its end first, and apt for dpkg), or with the next run
# if this one was killed.
deny_services() {
  trap allow_services EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [ -e "$POLICY" ] || [ -L "$POLICY" ]; then
    mv "$POLICY" "$KEPT_POLICY"
  fi
  printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
  chmod 755 "$POLICY"
}

POLICY_MARK='Temporary: patchbay setup installs packages without starting their services.'

allow_services() {
  mend_policy
  trap - EXIT INT TERM HUP
}

mend_policy() {
  if [ -f "$POLICY" ] && grep -qF "$POLICY_MARK" "$POLICY"; then
    rm -f "$POLICY"
  fi
  if [ -e "$KEPT_POLICY" ] || [ -L "$KEPT_POLICY" ]; then
    mv "$KEPT_POLICY" "$POLICY"
  fi
}
