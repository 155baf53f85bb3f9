#!/bin/sh
# npm test [-- WHAT...]   everything, or the projects (unit, libvirt, e2e, cluster) and files that WHAT names: `npm test -- unit`,
# `npm test -- change-plan`, `npm test -- test/libvirt/link-state.test.ts`. Vitest's own options pass through, in the
# form --option=value.
#
# Installs what is missing first; Debian packages and a cluster's binaries only if something is to run that needs them.
set -eu
cd "$(dirname "$0")/.."

has_tests() {
  words=$1
  shift
  [ -n "$(find "$@" -path "*$words*" -name '*.test.ts' 2>/dev/null)" ]
}

needs=packages
named=no
for what in "$@"; do
  shift
  case "$what" in
    unit | libvirt | e2e | cluster) set -- "$@" "--project=$what" ;;
    *) set -- "$@" "$what" ;;
  esac
  case "$what" in
    unit) named=yes ;;
    libvirt | e2e) named=yes needs="$needs lab" ;;
    cluster) named=yes needs="$needs lab cluster node" ;;
    -*) ;;
    *)
      named=yes
      ! has_tests "$what" test/libvirt test/e2e || needs="$needs lab"
      ! has_tests "$what" test/kubernetes || needs="$needs lab cluster"
      ! has_tests "$what" test/kubernetes/daemonset.test.ts || needs="$needs node"
      ;;
  esac
done
[ "$named" = yes ] || needs="lab cluster node"

sh setup/ensure.sh $needs
export PATH="$PWD/node_modules/.bin:$PATH"
exec vitest run "$@"
