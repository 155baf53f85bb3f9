# What the tests build Patchbay's image on, since no registry of packages has images: this machine's release of Debian, made by
# debootstrap, with npm and the pinned Node in it. image-base-KEY.tar of the lab's cache directory, where
# test/cluster/image.ts looks for it; KEY changes with this file, the release and the pinned Node.

BASE_NPM=11.19.1

ensure_image_base() {
  base=${XDG_CACHE_HOME:-$HOME/.cache}/patchbay-lab/image-base-$(image_base_key).tar
  if [ ! -f "$base" ]; then
    make_image_base
  fi
}

image_base_key() {
  { cat setup/image-base.sh /etc/debian_version && grep '"node-linux-' package.json; } | sha256sum | cut -c 1-16
}

make_image_base() {
  mkdir -p "$(dirname "$base")"
  work=$(mktemp -d "$(dirname "$base")/making-image-base.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  say "making a base for the tests' image by debootstrap: about half a minute, 200 MB on disk ..."
  if ! debootstrap_base >"$work/log" 2>&1; then
    update_package_lists
    rm -rf "$work/tree"
    debootstrap_base >"$work/log" 2>&1 || base_cannot_be_had
  fi
  add_npm_to_base >"$work/log" 2>&1 || base_cannot_be_had
  # Named in the end: a file that is there is whole.
  tar -C "$work/tree" -cf "$work/tar" .
  rm -f "$(dirname "$base")"/image-base-*.tar
  mv "$work/tar" "$base"
  rm -rf "$work"
  trap - EXIT INT TERM HUP
  say "the base is there."
}

# From the archive that apt uses, or debootstrap's own choice.
debootstrap_base() {
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' "Codename: $release" | head -n 1)
  debootstrap --variant=minbase "$release" "$work/tree" ${archive:+"$archive"} &&
    rm -rf "$work"/tree/var/cache/apt/archives/*.deb "$work"/tree/var/lib/apt/lists/* "$work"/tree/usr/share/doc \
      "$work"/tree/usr/share/locale
}

add_npm_to_base() {
  local=$work/tree/usr/local
  mkdir -p "$local/lib/node_modules/npm" &&
    cp "node_modules/$(node_package)/bin/node" "$local/bin/node" &&
    npm pack --loglevel=error --pack-destination "$work" "npm@$BASE_NPM" &&
    tar -C "$local/lib/node_modules/npm" --strip-components=1 -xzf "$work/npm-$BASE_NPM.tgz" &&
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local/bin/npm" &&
    chmod 755 "$local/lib/node_modules/npm/bin/npm-cli.js"
}

base_cannot_be_had() {
  tail -n 5 "$work/log" >&2
  give_up "the base for the tests' image cannot be made: mend what it says above (most often the network) and run this again."
}
