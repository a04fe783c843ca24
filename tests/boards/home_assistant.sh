#!/usr/bin/env bash
# Runs the edge beside Home Assistant itself, without its user interface: in a root of Debian trixie, whose Python it wants.
# Wants to be root, on Debian, with mmdebstrap and mosquitto.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
root=$boards/home-assistant
version=2026.2.3 # the last for Python 3.13

skip() { echo "SKIPPED: $1"; exit 0; }
command -v mosquitto >/dev/null || skip "mosquitto is not installed"

# Packages of this test alone: Home Assistant pins its own. Some have no wheel for this Python, and need a compiler.
if [ ! -e "$root/ready" ] || [ "$(cat "$root/ready")" != "$version" ]; then
  rm -rf "$root"; mkdir -p "$root"
  mmdebstrap --quiet --variant=minbase trixie "$root" "$(mirror)" --include=ca-certificates,python3-venv,gcc,libc6-dev,python3-dev </dev/null
  mkdir -p "$root/opt/emotion-edge"
  network "$root"
  inside python3 -m venv /opt/venv
  install() { inside /opt/venv/bin/pip install --quiet --no-compile --no-cache-dir --prefer-binary "$@"; }
  install --no-deps "homeassistant==$version" || skip "Home Assistant $version cannot be installed"
  pins=/opt/venv/lib/python3.13/site-packages/homeassistant/package_constraints.txt
  install -c "$pins" "homeassistant==$version"
  inside /opt/venv/bin/python - > "$root/integrations.txt" < "$here/home_assistant_requirements.py"
  install -c "$pins" -r /integrations.txt
  echo "$version" > "$root/ready"
fi

trap unmount EXIT
enter "$root"
cd "$project" && HOME_ASSISTANT_ROOT="$root" PYTHONPATH=. "${PYTHON:-$project/.venv/bin/python}" -m pytest -n 0 -s tests/boards/test_home_assistant.py "$@"
