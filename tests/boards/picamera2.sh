#!/usr/bin/env bash
# Runs the source and the whole edge on Picamera2 and libcamera for real, without a Raspberry Pi: in a root of Debian
# trixie whose libcamera plays a folder of pictures as a camera. Wants to be root, on Debian, with mmdebstrap.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
root=$boards/trixie

# Packages of this test alone, without hashes.
beside=(picamera2==0.3.38 pytest)

# The packages of the edge's lock except numpy, which the system's libcamera was built for. The root is built anew when
# that changes.
packages() {
  echo "# ${beside[*]}"
  sed 's/^opencv-python==/opencv-python-headless==/; /^numpy==/,/[^\\]$/d' "$project/requirements/edge.txt"
}

if [ ! -e "$root/ready" ] || ! packages | cmp -s - "$root/packages.txt"; then
  rm -rf "$root"; mkdir -p "$root"
  mmdebstrap --quiet --variant=minbase trixie "$root" "$(mirror)" --include=ca-certificates,python3-venv,python3-numpy,python3-libcamera,python3-prctl,gcc,libc6-dev,python3-dev,libcap-dev </dev/null
  network "$root"
  mkdir -p "$root/opt/emotion-edge" "$root/opt/frames"
  inside python3 -m venv --system-site-packages /opt/venv
  packages > "$root/packages.txt"
  inside /opt/venv/bin/pip install --quiet --no-deps --require-hashes -r /packages.txt
  inside /opt/venv/bin/pip install --quiet "${beside[@]}"
  cp "$here/dma_heap.c" "$root/opt/"
  inside gcc -shared -fPIC -O2 -Wall -o /opt/dma_heap.so /opt/dma_heap.c
  install -D -m 644 "$here/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/virtual.yaml"
  touch "$root/ready"
fi

trap unmount EXIT
enter "$root"

cd / && inside env -C /opt/emotion-edge PYTHONPATH=. /opt/venv/bin/python -m tests.boards.frames /opt/frames
inside env -C /opt/emotion-edge PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 LIBCAMERA_LOG_LEVELS='*:ERROR' LD_PRELOAD=/opt/dma_heap.so \
  /opt/venv/bin/python -m pytest -p no:cacheprovider tests/boards/test_picamera2.py "$@"
