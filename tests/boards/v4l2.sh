#!/usr/bin/env bash
# Runs the source and the whole edge on a camera of the kernel's for real, without a camera: on the driver vivid of
# Debian's kernel, in a machine that QEMU emulates. Wants to be root, on Debian for x86-64, with mmdebstrap and
# qemu-system-x86; some minutes of one processor, as virtual machines need not be allowed here.
#
#   tests/boards/v4l2.sh [arguments of pytest]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
root=$boards/v4l2
command -v qemu-system-x86_64 >/dev/null || stop "QEMU's system machine is missing" "run 'apt install --no-install-recommends qemu-system-x86'"
[ "$(uname -m)" = x86_64 ] || stop "the emulated machine's Python is set up by this one's, which is no x86-64" "run it on a workstation"

if ! current "$root"; then
  rm -rf "$root"
  mmdebstrap --quiet --variant=extract --include="linux-image-amd64,kmod,busybox-static,v4l-utils,$python_packages" bookworm "$root" "$(mirror)" </dev/null
  locked "$root"
  chroot "$root" depmod "$(basename "$root"/lib/modules/*)"
  mkdir -p "$root/opt/emotion-edge" "$root/opt/cache"
  touch "$root/ready"
fi

# The initial RAM disk: the drivers of the shared folders, and the script that continues in them.
kernel=$(basename "$root"/lib/modules/*)
start=$(mktemp -d "$boards/start.XXXX")
trap 'rm -rf "$start" "$start.gz"' EXIT
mkdir -p "$start"/{bin,modules}
install "$root/bin/busybox" "$start/bin/"
install "$here/v4l2_init" "$start/init"
for module in virtio_pci 9pnet_virtio 9p; do chroot "$root" modprobe -S "$kernel" --show-depends "$module"; done |
  awk '$1 == "insmod" && !known[$2]++ {print $2}' | while read -r file; do
    cp "$root$file" "$start/modules/"
    echo "/modules/${file##*/}" >> "$start/modules/order"
  done
(cd "$start" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null) | gzip > "$start.gz"

share() { shared+=(-virtfs "local,mount_tag=$1,path=$2,security_model=none,id=$1${3:-}"); }
cache=${EMOTION_EDGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/emotion-edge}
mkdir -p "$cache"
shared=()
share root "$root"
share project "$project" ,readonly=on
share cache "$cache" ,readonly=on
printf '%s\n' "$@" > "$root/arguments"
rm -f "$root/status"
# Its clock counts its own instructions, two nanoseconds each: however busy this machine is, no time-out there notices.
timeout 3600 qemu-system-x86_64 -machine q35 -accel tcg -icount shift=1,sleep=off -rtc clock=vm -cpu max -smp 1 -m 1024 \
  -nic none -nographic -no-reboot "${shared[@]}" -kernel "$root/boot/vmlinuz-$kernel" -initrd "$start.gz" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off" </dev/null
[ -e "$root/status" ] || stop "the emulated machine ended before its tests did" "look at what it said above"
exit "$(cat "$root/status")"
