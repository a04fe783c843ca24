# Common parts of the scripts that build a Debian root. Sourced, not run.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
boards=${BOARDS:-$project/.boards}

stop() { echo "emotion-edge: $1: $2" >&2; exit 2; }
[ "$(id -u)" = 0 ] || stop "a root of its own can be made by root alone" "run it as root, or in a container"
command -v mmdebstrap >/dev/null || stop "mmdebstrap is missing" "run 'apt install mmdebstrap'"

# The mirror that most of this machine's own sources name.
mirror() { apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}'; }

# Packages of bookworm for Python 3.11 and for the edge's tests, unpacked without installation scripts.
python_packages=python3.11-minimal,libpython3.11-stdlib,libstdc++6,libgcc-s1,zlib1g,libffi8,libssl3,libbz2-1.0,liblzma5,libsqlite3-0,libexpat1,libc-bin,coreutils,bash

# A package's hashes are in the lines below it, up to the first that does not end in a backslash.
lock() { sed 's/^opencv-python==/opencv-python-headless==/; /^colorama/,/[^\\]$/d' "$project/requirements/test.txt"; }

# current ROOT: whether it is there, with the packages that are locked now.
current() { [ -e "$1/ready" ] && lock | cmp -s - "$1/locked.txt"; }

# locked ROOT [arguments of pip]: those packages, as they are locked, into ROOT/site.
locked() {
  lock > "$1/locked.txt"
  "${PYTHON:-$project/.venv/bin/python}" -m pip install --quiet --no-deps --require-hashes --target "$1/site" --only-binary=:all: \
    --implementation cp --python-version 3.11 "${@:2}" -r "$1/locked.txt"
}

# inside command: in the root of the variable `root`, with the settings of this machine's network.
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "${passed[@]}" "$@"; }
passed=(); while IFS= read -r line; do passed+=("$line"); done < <(env | grep -E '^(PIP_|SSL_|REQUESTS_|CURL_|https?_proxy)' | grep -v '^PIP_FIND_LINKS' || true)

# network ROOT: what programs in it need to reach the package registry as this machine does.
network() {
  cp /etc/resolv.conf "$1/etc/resolv.conf"
  local variable file
  for variable in PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
    file=${!variable:-}
    if [ -n "$file" ] && [ -f "$file" ]; then mkdir -p "$1$(dirname "$file")"; cp -L "$file" "$1$file"; fi
  done
}

mounted=()
unmount() { for place in "${mounted[@]}"; do umount -l "$place"; done; }

# enter ROOT: the kernel's file systems and the project, until `unmount`.
enter() {
  for place in /proc /sys /dev; do
    mount --rbind "$place" "$1$place"
    mount --make-rslave "$1$place"
    mounted=("$1$place" "${mounted[@]}")
  done
  mount --bind "$project" "$1/opt/emotion-edge"
  mounted=("$1/opt/emotion-edge" "${mounted[@]}")
}
