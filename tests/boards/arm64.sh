#!/usr/bin/env bash
# Runs the edge's tests and the demo as a Raspberry Pi's processor would: arm64 under QEMU, as Raspberry Pi OS bookworm
# has it (Python 3.11), and compares bit by bit what the int8 model that ships answers there and here. Wants to be root,
# on Debian, with mmdebstrap; the time is that of an emulation.
#
#   [PROCESSORS='cortex-a72 cortex-a76'] [FACES=200] tests/boards/arm64.sh [arguments of pytest]
#
# Arguments that name files or folders choose the tests; else all of the edge's are run.
set -euo pipefail
. "$(dirname "$0")/arm64_root.sh"
processors=${PROCESSORS:-cortex-a72 cortex-a76} # of a Raspberry Pi 4 and a 5

cd "$project"
chosen=(tests/edge)
for word in "$@"; do case $word in tests/*) chosen=() ;; esac; done
work=$(mktemp -d "$root/tmp/answers.XXXX")
PYTHONPATH=. "$python" -m tests.boards.answers faces "$work/faces.npy" "${FACES:-200}"
PYTHONPATH=. "$python" -m tests.boards.answers answer "$work/faces.npy" "$work/here.npy"
for processor in $processors; do
  echo "== $processor: the int8 model =="
  inside python3.11 -m tests.boards.answers answer "${work#"$root"}/faces.npy" "${work#"$root"}/$processor.npy"
  PYTHONPATH=. "$python" -m tests.boards.answers compare "$work/here.npy" "$work/$processor.npy"
  echo "== $processor: the demo =="
  inside python3.11 -m edge demo --directory "/tmp/demo-$processor"
  echo "== $processor: the edge's tests =="
  inside python3.11 -m pytest -p no:cacheprovider -o faulthandler_timeout=3600 "${chosen[@]}" "$@"
done
