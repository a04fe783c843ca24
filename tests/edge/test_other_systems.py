"""The edge without the modules and functions of Unix, as on Windows, simulated on Linux."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

HIDE = """
import os, signal, socket, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None  # which makes importing it an ImportError
lacking = {
    os: ("sched_getaffinity", "getuid", "geteuid", "mkfifo", "pathconf", "O_NONBLOCK", "getloadavg", "sysconf"),
    signal: ("SIGHUP", "SIGKILL", "pthread_sigmask"),
    socket: ("AF_UNIX",),
}
for module, names in lacking.items():
    for name in names:
        delattr(module, name)
"""


CLUSTER = """
import contextlib
with contextlib.suppress(ImportError):
    import distributed  # its packages have code of their own for Windows, which is not here
"""


def without_unix(folder, code, before=""):
    """Run code in a fresh interpreter that lacks what Windows lacks, other code before that."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", before + HIDE + code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def program(*words):
    return f"from edge.app.cli import main; sys.exit(main({list(words)!r}))"


def test_every_module_can_be_imported(tmp_path):
    folders = ("edge", "emotion_edge")
    files = [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    names = [name for name in names if not name.endswith(".__main__")]
    done = without_unix(tmp_path, f"import importlib\nfor name in {names!r}: importlib.import_module(name)", CLUSTER)
    assert done.returncode == 0, done.stderr


def test_the_program_shows_its_help(tmp_path):
    done = without_unix(tmp_path, program("--help"))
    assert done.returncode == 0, done.stderr
    assert "usage: emotion-edge" in done.stdout


def test_the_service_is_refused_in_one_line(tmp_path):
    done = without_unix(tmp_path, program("install-service", "0", "--events", "events.jsonl"))
    assert done.returncode == 2
    assert done.stderr.startswith("emotion-edge: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("yunet")
def test_a_picture_is_answered(tmp_path, bundle):
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((64, 64, 3), np.uint8))
    done = without_unix(tmp_path, program("predict", "empty.png", "--model", str(bundle)))
    assert done.returncode == 0, done.stderr
    assert '"faces": []' in done.stdout


@pytest.mark.usefixtures("yunet")
def test_a_video_is_annotated(tmp_path, bundle, write_clip):
    clip = write_clip(tmp_path / "clip.mp4")
    words = ("run", str(clip), "--no-window", "--video", "out.mp4", "--jsonl", "out.jsonl", "--model", str(bundle))
    done = without_unix(tmp_path, program(*words))
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 12
    assert (tmp_path / "out.mp4").stat().st_size > 0
