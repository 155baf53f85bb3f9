# The control plane and the kubelet of the tests' cluster, built by Go from the modules that test/cluster names, since no registry has it
# as packages. The binaries lie in cluster-KEY/ of the lab's cache directory, where test/cluster/binaries.ts looks for
# them; KEY changes with the modules. A directory of KUBEBUILDER_ASSETS that has them comes first, as with envtest, and
# nothing is built then.

CLUSTER_BINARIES="etcd kube-apiserver kube-controller-manager kubectl kube-scheduler kubelet"

ensure_cluster_binaries() {
  if [ -n "${KUBEBUILDER_ASSETS-}" ]; then
    missing=$(missing_assets)
    [ -n "$missing" ] || return 0
    say "KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) has no ${missing% }, so the cluster's binaries are built here."
  fi
  binaries=$(cluster_binaries_directory)
  if [ ! -d "$binaries" ]; then
    mkdir -p "$(dirname "$binaries")"
    # One build at a time: it takes every core there is.
    exec 8>"$(dirname "$binaries")/building-cluster.lock"
    flock -n 8 || { say "waiting for another build of the cluster's binaries ..." && flock 8; }
    [ -d "$binaries" ] || build_cluster_binaries
    exec 8>&-
  fi
}

missing_assets() {
  for binary in $CLUSTER_BINARIES; do
    [ -x "$KUBEBUILDER_ASSETS/$binary" ] || printf '%s ' "$binary"
  done
}

# The same directory as in test/cluster/binaries.ts.
cluster_binaries_directory() {
  key=$(cat test/cluster/go.mod test/cluster/go.sum | sha256sum | cut -c 1-16)
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/patchbay-lab/cluster-$key"
}

build_cluster_binaries() {
  ensure_go "$(dirname "$binaries")"
  building=$(mktemp -d "$(dirname "$binaries")/building-cluster.XXXXXX")
  trap stop_building EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  say "loading the Go modules of Kubernetes ..."
  go_in_cluster list -deps tool >"$building/packages" 2>"$building/log" || modules_cannot_be_had
  say "building the cluster's binaries: $(wc -l <"$building/packages") Go packages, about 4 minutes on 2 cores and 3 GB in Go's build cache ..."
  tell_progress 8>&- &
  progress=$!
  go_in_cluster build -v -trimpath -buildvcs=false -ldflags "$(cluster_ldflags)" -o "$building/bin/" tool 2>"$building/log" ||
    build_failed
  # The package of etcd is called server.
  mv "$building/bin/server" "$building/bin/etcd"
  mv "$building/bin" "$binaries"
  stop_building
  trap - EXIT INT TERM HUP
  say "the cluster's binaries are there."
}

# Without C, so that no compiler is needed; a go.work above this checkout is not asked, nor any Go but the one found.
go_in_cluster() {
  (cd test/cluster && CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local exec "$go" "$@")
}

# Binaries that don't know their version tell clients v0.0.0.
cluster_ldflags() {
  kubernetes=$(sed -n 's/^.*k8s.io\/kubernetes v\([0-9.]*\).*$/\1/p' test/cluster/go.mod)
  minor=${kubernetes#*.}
  package=k8s.io/component-base/version
  echo "-s -w -X $package.gitVersion=v$kubernetes -X $package.gitMajor=${kubernetes%%.*} -X $package.gitMinor=${minor%%.*}"
}

# go prints the name of each package that it compiles; those that it has compiled before are not among them. The sleep
# that outlives this holds neither the lock nor a pipe open to whoever reads what the setup says. A signal that comes
# before sh has made this a process of its own is lost, so the end of the build is also seen by its directory.
tell_progress() {
  seconds=0
  while sleep 1 >/dev/null 2>&1 && [ -d "$building" ]; do
    seconds=$((seconds + 1))
    [ $((seconds % 20)) != 0 ] || say "... $(grep -c -v '^go: ' "$building/log") packages compiled"
  done
}

stop_building() {
  [ -z "${progress-}" ] || kill "$progress" 2>/dev/null || true
  rm -rf "$building"
}

modules_cannot_be_had() {
  reason=$(grep -v '^go: downloading' "$building/log" | tail -n 1)
  give_up "the Go modules of the cluster's binaries cannot be had (${reason:-go says nothing more}): check the network and GOPROXY, and run this again."
}

build_failed() {
  tail -n 20 "$building/log" >&2
  give_up "go could not build the cluster's binaries: mend what it says above (most often too little disk: Go's build cache grows by 3 GB) and run this again."
}
