#!/bin/sh
# Installs what this checkout needs and the machine lacks, and says what it does meanwhile.
#
#   sh setup/ensure.sh packages   npm packages and the pinned Node; needs neither root nor Debian
#   sh setup/ensure.sh lab        also what the lab's hosts and guests are made of: Debian packages, a guest's kernel
#   sh setup/ensure.sh cluster    also what the tests' Kubernetes cluster is made of; needs no root where Go or pip is
#   sh setup/ensure.sh node       also what its Nodes that run pods are made of: Debian packages, a base for the image
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
. setup/image-base.sh
. setup/go.sh
. setup/cluster-binaries.sh

lab=no cluster=no node=no
[ $# -gt 0 ] || set -- nothing
for what in "$@"; do
  case "$what" in
    packages) ;;
    lab) lab=yes ;;
    cluster) cluster=yes ;;
    node) node=yes ;;
    *) give_up "usage: sh setup/ensure.sh packages | lab | cluster | node ..." ;;
  esac
done

packages=
[ "$lab" = no ] || packages="$packages $DEBIAN_PACKAGES"
[ "$node" = no ] || packages="$packages $NODE_DEBIAN_PACKAGES"
if [ -n "$packages" ]; then
  require_lab_machine /etc/os-release
fi
ensure_npm_packages
if [ -n "$packages" ]; then
  lock_machine
  ensure_debian_packages $packages
  [ "$lab" = no ] || ensure_guest_kernel
  [ "$node" = no ] || ensure_image_base
  unlock_machine
fi
if [ "$cluster" = yes ]; then
  ensure_cluster_binaries
fi
