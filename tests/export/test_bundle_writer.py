"""Bundles are written whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

resource = pytest.importorskip("resource", reason="no limits here")

ROOT = Path(__file__).parents[2]

WRITE = """
import sys
from pathlib import Path
from edge.base.errors import exit_on_user_error
from export.bundle_writer import write_bundle

def main():
    write_bundle(Path(sys.argv[1]), {"int8": bytes(100_000)}, {"name": "new"}, "# New", {})
    return 0

sys.exit(exit_on_user_error(main))
"""


def test_on_a_disk_without_room_the_old_bundle_stays(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"name": "old"}')
    command = [sys.executable, "-c", WRITE, str(folder)]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith(f"emotion-edge: {folder}: cannot be written (File too large)")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
