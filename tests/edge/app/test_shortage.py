"""Shortages of the system: disk, descriptors, memory, threads. Each is one line and status 2, and no half file."""

import errno
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge.base.errors import exit_on_user_error

from ..app.test_cli import edge, environment, files, own_lines
from ..clips import noise, write_video
from ..patience import LONG

resource = pytest.importorskip("resource", reason="no limits here")

pytestmark = pytest.mark.usefixtures("yunet")


@pytest.fixture
def folder(tmp_path, portrait):
    """A clip with a face, and a folder of one picture."""
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), portrait)
    write_video(tmp_path / "clip.mkv", [portrait[:480, :480]] * 6 + noise(6))
    return tmp_path


def limits(**soft):
    """Return a function that sets limits by name, `FSIZE=64`, in a child before it runs."""

    def limit():
        for name, value in soft.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))

    return limit


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        pytest.param("run clip.mkv --jsonl out.jsonl", "the output jsonl", id="records"),
        pytest.param("run clip.mkv --events out.jsonl", "the output events", id="events"),
        pytest.param("run clip.mkv --summary out.json", "out.json", id="summary"),
        pytest.param("run clip.mkv --video out.mp4", "out.mp4", id="video"),
        pytest.param("run pictures --images out", "out/a.png", id="copies of a run"),
        pytest.param("predict pictures --output out", "out/a.png", id="copies of predict"),
        pytest.param("analyze clip.mkv --output out", "the output table", id="report"),
        pytest.param("analyze clip.mkv --output out --annotate", "the output table", id="report with a video"),
    ],
)
def test_a_disk_without_room_is_one_line_and_no_file(folder, bundle, arguments, output):
    before = files(folder)
    status, _, err = edge(folder, *arguments.split(), "--model", bundle, before=limits(FSIZE=64))
    assert status == 2
    assert "File too large" in err
    assert err.startswith(f"emotion-edge: {output}"), err
    assert err.count("\n") == 1, err
    assert files(folder) == before


@pytest.mark.parametrize("size", [1, 64, 3000, 10_000, 20_000, 40_000])
def test_a_report_is_there_with_all_its_files_or_not_at_all(folder, bundle, size):
    before = files(folder)
    words = ["analyze", "clip.mkv", "--output", "out", "--annotate", "--model", bundle]
    status, _, err = edge(folder, *words, before=limits(FSIZE=size))
    if status:
        assert (status, err.count("\n"), "File too large" in err) == (2, 1, True), err
        assert files(folder) == before
        assert not (folder / "out").exists()
    else:
        assert files(folder) > before


FOLLOWED = """
import sys
from pathlib import Path
from edge.outputs.lines import JsonLines
from tests.edge.stand_ins import face, result
with JsonLines(Path(sys.argv[1]), live=True) as output:
    for i in range(100):
        output.write(result(i, face(3)))
"""


def test_a_cameras_records_end_with_a_whole_line(tmp_path):
    """The limit is in the middle of a line."""
    path = tmp_path / "r.jsonl"
    child = [sys.executable, "-c", FOLLOWED, str(path)]
    done = subprocess.run(child, env=environment(), preexec_fn=limits(FSIZE=3001), stderr=subprocess.PIPE, text=True)
    assert "File too large" in done.stderr
    lines = path.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["seq"] for line in lines] == list(range(len(lines)))
    assert 5 < len(lines) < 100
    assert lines[-1].endswith(b"\n")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        pytest.param(OSError(errno.EMFILE, "Too many open files"), "open files", id="descriptors"),
        pytest.param(OSError(errno.ENFILE, "Too many open files in system"), "open files", id="the system's"),
        pytest.param(MemoryError(), "memory", id="memory"),
        pytest.param(OSError(errno.ENOMEM, "Cannot allocate memory"), "memory", id="the system's memory"),
        pytest.param(ImportError("x.so: failed to map segment from shared object"), "memory", id="a library's"),
        pytest.param(RuntimeError("can't start new thread"), "threads", id="threads"),
    ],
)
def test_what_is_short_is_named(capsys, error, word):
    def main():
        raise error

    assert exit_on_user_error(main) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_opencv_without_memory_is_no_bug(capsys):
    assert exit_on_user_error(lambda: cv2.resize(np.zeros((9, 9), np.uint8), (1 << 24, 1 << 24))) == 2
    assert "memory" in capsys.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("else"), OSError(errno.EIO, "else"), ImportError("else"), KeyError(1)])
def test_a_bug_keeps_its_traceback(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        exit_on_user_error(main)


@pytest.mark.parametrize("megabytes", [150, 300, 450, 500, 550, 650, 800])
def test_little_memory(folder, bundle, megabytes):
    before = files(folder)
    words = ["run", "clip.mkv", "--no-window", "--jsonl", "r.jsonl", "--video", "o.mp4", "--model", bundle]
    status, _, err = edge(folder, *words, before=limits(AS=megabytes << 20))
    if status:  # the largest may do elsewhere
        assert (status, err.count("\n")) == (2, 1), err
        assert any(word in err for word in ("memory", "address space", "threads")), err
        assert files(folder) == before


@pytest.mark.parametrize("number", range(5, 9))
def test_few_descriptors(folder, bundle, number):
    before = files(folder)
    words = ["run", "clip.mkv", "--jsonl", "r.jsonl", "--video", "o.mp4", "--model", bundle]
    status, _, err = edge(folder, *words, before=limits(NOFILE=number))
    if status:
        assert (status, err.count("\n")) == (2, 1), err
        assert "too many open files" in err.lower()
        assert files(folder) == before


FEW_THREADS = """
import sys, threading
from edge.app.cli import main

def start(thread):
    global left
    if not left:
        raise RuntimeError("can't start new thread")
    left -= 1
    real(thread)

left, real = int(sys.argv[1]), threading.Thread.start
threading.Thread.start = start
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("number", range(6))
def test_few_threads(folder, bundle, number):
    """The run needs more than six, one after the other."""
    before = files(folder)
    words = ["run", "clip.mkv", "--no-window", "--jsonl", "r.jsonl", "--video", "o.mp4", "--model", str(bundle)]
    done = subprocess.run(
        [sys.executable, "-c", FEW_THREADS, str(number), *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert done.returncode == 2, done.stderr
    assert own_lines(done.stderr).startswith("emotion-edge: no more threads can be started"), done.stderr
    assert files(folder) == before
