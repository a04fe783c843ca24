"""Raw frames through a pipe."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import UserError
from edge.options import Capture
from edge.sources import open_source
from edge.sources.raw import RawSource

from .source_suite import Promise, SourceSuite

ROOT = Path(__file__).parents[2]
SIZE = (6, 4)
FRAMES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)


CONTENT = FRAMES.tobytes()


def source(content=CONTENT, **capture):
    return RawSource(io.BytesIO(content), Capture(**{"size": SIZE} | capture))


class TestProtocol(SourceSuite):
    """A pipe of five frames."""

    @pytest.fixture
    def opened(self):
        return source(), Promise("standard input", False, None, 5, None, (4, 6, 3))


@pytest.mark.parametrize(("pixels", "expected"), [("bgr24", FRAMES), ("rgb24", FRAMES[..., ::-1])])
def test_frames_come_as_they_were_sent(pixels, expected):
    frames = list(iter(source(pixels=pixels).read, None))
    assert [frame.seq for frame in frames] == list(range(5))
    assert (np.stack([frame.image for frame in frames]) == expected).all()


@pytest.mark.parametrize(("pixels", "bytes_"), [("gray", 24), ("yuv420p", 36), ("nv12", 36)])
def test_other_formats_have_their_own_length(pixels, bytes_):
    assert len(list(iter(source(b"\x80" * bytes_ * 3, pixels=pixels).read, None))) == 3


def test_a_recordings_frames_are_as_far_apart_as_its_rate_says():
    times = [frame.captured for frame in iter(source(fps=10.0).read, None)]
    assert np.diff(times) == pytest.approx([0.1] * 4, abs=1e-5)


def test_live_or_not_is_the_users_to_say():
    assert (source().live, source(live=True).live) == (False, True)


def test_an_end_within_a_frame_is_told():
    torn = source(FRAMES.tobytes()[:-10])
    with pytest.raises(UserError, match="ends within frame 4, 62 of 72 bytes") as caught:
        list(iter(torn.read, None))
    assert "--size" in caught.value.remedy


@pytest.mark.parametrize(
    ("capture", "message"),
    [({"size": None}, "no size of their own"), ({"pixels": "h264"}, "h264: no such pixel format")],
)
def test_what_must_be_said_beforehand(capture, message):
    with pytest.raises(UserError, match=message):
        source(**capture)


def test_a_terminal_is_no_program(monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(UserError, match="is a terminal"):
        open_source("-", Capture(size=SIZE))


def test_another_program_is_recognized_through_a_pipe(tmp_path, bundle, yunet, portrait):
    """The whole command line: three frames of the portrait, sent raw, give three records with its face."""
    height, width = portrait.shape[:2]
    command = [sys.executable, "-m", "edge", "run", "-", "--size", f"{width}x{height}", "--jsonl", "r.jsonl"]
    done = subprocess.run(
        [*command, "--no-window", "--model", str(bundle)],
        input=portrait.tobytes() * 3,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert all('"id": 1' in line for line in lines)


def test_a_program_that_hangs_is_given_up_and_the_run_ends_in_order(tmp_path, bundle, yunet, portrait):
    """The thread that hangs in the pipe must not keep Python from its end."""
    height, width = portrait.shape[:2]
    command = [sys.executable, "-m", "edge", "run", "-", "--size", f"{width}x{height}", "--live", "--jsonl", "-"]
    with subprocess.Popen(
        [*command, "--no-window", "--model", str(bundle)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        process.stdin.write(portrait.tobytes())
        process.stdin.flush()
        assert process.wait(60) == 0
        assert process.stdout.read().count(b"\n") == 1
        assert b"hangs and is abandoned" in process.stderr.read()
