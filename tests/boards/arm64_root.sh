# A Debian root of a 64-bit Raspberry Pi, entered: Raspberry Pi OS bookworm's Python 3.11 with the packages of the edge's
# tests, and QEMU for the programs in it. Sourced, not run; left at the script's end.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
root=$boards/arm64 emulator=$boards/qemu
python=${PYTHON:-$project/.venv/bin/python}

if ! current "$root"; then
  rm -rf "$root" "$emulator"; mkdir -p "$boards"
  # QEMU 10: the 7.2 of bookworm crashes in the TFLite runtime.
  mmdebstrap --quiet --variant=extract --include=qemu-user trixie "$emulator" "$(mirror)" </dev/null
  mmdebstrap --quiet --variant=extract --arch=arm64 bookworm "$root" "$(mirror)" </dev/null --include="$python_packages"
  locked "$root" --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64
  mkdir -p "$root/opt/emotion-edge" "$root/opt/cache" "$root/tmp" "$root/usr/local/lib/python3.11/dist-packages"
  # Not by PYTHONPATH: some tests start programs with an environment of their own.
  printf '%s\n' /site /opt/emotion-edge > "$root/usr/local/lib/python3.11/dist-packages/emotion-edge.pth"
  # Files that the installation scripts would have left.
  ln -sf bash "$root/bin/sh"
  echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
  touch "$root/ready"
fi

leave() { unmount; [ ! -e "$registry/emotion-edge" ] || echo -1 > "$registry/emotion-edge"; }
registry=/proc/sys/fs/binfmt_misc
trap leave EXIT
mountpoint -q $registry || mount -t binfmt_misc binfmt_misc $registry
# ELF, 64 bits, little-endian, for aarch64; F: the emulator is opened now, so that it is found in any root.
[ -e $registry/emotion-edge ] || printf '%s' ':emotion-edge:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$emulator/usr/bin/qemu-aarch64"':OCF' > $registry/register
# Without /sys the runtime leaves XNNPACK out without a word, and int8 answers differ.
enter "$root"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/emotion-edge
mkdir -p "$cache"; mount --bind "$cache" "$root/opt/cache"; mounted=("$root/opt/cache" "${mounted[@]}")

# inside command: in the root, on the processor of the variable `processor`.
inside() {
  chroot "$root" /usr/bin/env -i -C /opt/emotion-edge PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 QEMU_CPU="$processor" \
    PYTHONDONTWRITEBYTECODE=1 EMOTION_EDGE_PATIENCE=8 XDG_CACHE_HOME=/opt EMOTION_EDGE_CACHE=/opt/cache "$@"
}
