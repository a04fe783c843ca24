#!/usr/bin/env bash
# Prints the instructions that an emulated arm64 processor takes to detect and classify the face of so many frames, with
# the program's start. The emulator is built once, see qemu.sh. Wants to be root, on Debian, with mmdebstrap.
#
#   tests/boards/instructions.sh PROCESSOR MODEL VARIANT FRAMES
set -euo pipefail
processor=$1 model=$(realpath "$2") variant=$3 frames=$4
. "$(dirname "$0")/arm64_root.sh"
counting=$cache/qemu
"$(dirname "$0")/qemu.sh" "$counting" >&2

mkdir -p "$root/opt/model"; mount --bind "$model" "$root/opt/model"; mounted=("$root/opt/model" "${mounted[@]}")
# Its libraries are not the root's, which has those of arm64: they are named to their own loader.
folder=/opt/cache/qemu counted=/tmp/instructions.$$
inside PYTHONHASHSEED=0 $folder/ld-linux-x86-64.so.2 --library-path $folder $folder/qemu-aarch64 \
  -plugin $folder/libinsn.so,inline=on -d plugin -D $counted \
  /usr/bin/python3.11 -m tests.boards.recognize /opt/model "$variant" "$frames" >&2
sed -n 's/^total insns: //p' "$root$counted"
rm "$root$counted"
