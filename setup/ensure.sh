#!/bin/sh
# Installs what this checkout needs and the machine lacks, and says what it does meanwhile.
#
#   sh setup/ensure.sh packages   npm packages and the pinned Node; needs neither root nor Debian
#   sh setup/ensure.sh lab        also what the lab's hosts and guests are made of: Debian packages, a guest's kernel
#   sh setup/ensure.sh cluster    also what the tests' Kubernetes cluster is made of; needs no root where Go or pip is
#
# `lab cluster` is both. Plain POSIX sh, since it runs before anything is there. When all is there it only looks, which
# takes some 20 ms.
set -eu
cd "$(dirname "$0")/.."
. setup/say.sh
. setup/npm-packages.sh
. setup/machine.sh
. setup/debian-packages.sh
. setup/guest-kernel.sh
. setup/go.sh
. setup/cluster-binaries.sh

lab=no cluster=no
[ $# -gt 0 ] || set -- nothing
for what in "$@"; do
  case "$what" in
    packages) ;;
    lab) lab=yes ;;
    cluster) cluster=yes ;;
    *) give_up "usage: sh setup/ensure.sh packages | lab | cluster ..." ;;
  esac
done

if [ "$lab" = yes ]; then
  require_lab_machine /etc/os-release
fi
ensure_npm_packages
if [ "$lab" = yes ]; then
  lock_machine
  ensure_debian_packages
  ensure_guest_kernel
  unlock_machine
fi
if [ "$cluster" = yes ]; then
  ensure_cluster_binaries
fi
