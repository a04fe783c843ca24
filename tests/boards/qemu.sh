#!/usr/bin/env bash
# Builds a QEMU that counts the instructions of arm64 programs, from Debian's source, in a Debian root made for it, and
# leaves it in a folder with its plugin and the libraries that both need. Debian's own is built without plugins.
# Wants to be root, on Debian, with mmdebstrap; takes ten to twenty minutes on two cores, once.
#
#   tests/boards/qemu.sh [FOLDER]
set -euo pipefail
. "$(dirname "$0")/common.sh"
target=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/emotion-edge/qemu} root=$boards/qemu-build
needs=gcc,libc6-dev,libglib2.0-dev,zlib1g-dev,meson,ninja-build,pkgconf,make,bison,flex,python3-venv,dpkg-dev,ca-certificates

[ ! -e "$target/ready" ] || exit 0
rm -rf "$root" "$target"; mkdir -p "$boards" "$target"
mmdebstrap --quiet --variant=minbase --include="$needs" trixie "$root" "$(mirror)" </dev/null
network "$root"
echo "deb-src $(mirror) trixie main" > "$root/etc/apt/sources.list.d/source.list"
inside sh -ec '
  cd /opt; mkdir build built
  apt-get -qq update
  apt-get -qq source qemu >/dev/null
  cd build
  ../qemu-*/configure --without-default-features --disable-install-blobs --target-list=aarch64-linux-user --enable-plugins >configured
  nice ninja qemu-aarch64 tests/tcg/plugins/libinsn.so >made
  # Libraries, their loader, and one that is loaded by name when a thread ends.
  libraries=$(ldd qemu-aarch64 | grep -o "/[^ ]*")
  cp -L qemu-aarch64 tests/tcg/plugins/libinsn.so $libraries "$(gcc -print-file-name=libgcc_s.so.1)" /opt/built'
cp "$root"/opt/built/* "$target"
touch "$target/ready"
rm -rf "$root"
