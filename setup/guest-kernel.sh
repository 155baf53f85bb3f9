# The kernel that the lab's guests boot: Debian's cloud kernel, downloaded and unpacked but not installed, for installing
# would make it the machine's own. The package's tree (boot/vmlinuz-*, its modules below lib/modules or
# usr/lib/modules) lies in guest-kernel/ of the lab's cache directory, where test/lab looks for it.

ensure_guest_kernel() {
  # The same directory as in test/lab/cache.ts.
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/patchbay-lab
  if [ ! -d "$cache/guest-kernel" ]; then
    download_guest_kernel
  fi
}

download_guest_kernel() {
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/loading-kernel.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  say "loading a kernel for the lab's guests into $cache (it is not installed) ..."
  if ! load_kernel_package >"$work/log" 2>&1; then
    update_package_lists
    load_kernel_package >"$work/log" 2>&1 || kernel_cannot_be_had
  fi
  dpkg-deb -x "$work"/*.deb "$work/tree"
  mv "$work/tree" "$cache/guest-kernel"
  rm -rf "$work"
  trap - EXIT INT TERM HUP
  say "the guests' kernel is there."
}

# linux-image-cloud-amd64 is an empty package that depends on the kernel of today.
load_kernel_package() {
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
  # apt's own user for downloads may not write into this directory.
  [ -n "$kernel" ] && (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$kernel")
}

kernel_cannot_be_had() {
  reason=$(sed -n 's/^E: //p' "$work/log" | head -n 1)
  give_up "the guests' kernel, Debian's linux-image-cloud-amd64, cannot be had (${reason:-apt does not know it}): check the network and that the sources of apt name Debian's main archive, and run this again."
}
