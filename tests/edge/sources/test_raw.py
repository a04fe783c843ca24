"""Raw frames through a pipe."""

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources import open_source
from edge.sources.raw import CHECKED_FRAMES, RawSource

from ..clips import noise, write_video
from ..source_suite import Promise, SourceSuite
from .piped import piped_run

ROOT = Path(__file__).parents[3]
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
    frames = list(iter(source(pixel_format=pixels).read, None))
    assert (np.stack([frame.image for frame in frames]) == expected).all()


@pytest.mark.parametrize(("pixels", "bytes_"), [("gray", 24), ("yuv420p", 36), ("nv12", 36)])
def test_other_formats_have_their_own_length(pixels, bytes_):
    assert len(list(iter(source(b"\x80" * bytes_ * 3, pixel_format=pixels).read, None))) == 3


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


def test_an_unknown_format_is_refused():
    with pytest.raises(UserError, match="h264: no such pixel format"):
        source(pixel_format="h264")


def scene(width=320, height=240):
    """A picture of soft shapes, brighter on the right, with some noise as all sensors have."""
    rng = np.random.default_rng(1)
    soft = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 12)
    bright = np.linspace(60, 160, width)[None, :, None] + 400 * soft + rng.normal(0, 2, soft.shape)
    return np.clip(bright, 0, 255).astype(np.uint8)


def as_sent(image, pixels):
    codes = {"gray": cv2.COLOR_BGR2GRAY, "yuv420p": cv2.COLOR_BGR2YUV_I420}
    return (cv2.cvtColor(image, codes[pixels]) if pixels in codes else image).tobytes()


ROWS, COLUMNS = np.mgrid[:240, :320]
PICTURES = {
    "soft": scene(),
    "black": np.zeros((240, 320, 3), np.uint8),
    "dark and noisy": np.random.default_rng(0).normal(12, 6, (240, 320, 3)).clip(0, 255).astype(np.uint8),
    "noisy": np.random.default_rng(0).normal(120, 40, (240, 320, 3)).clip(0, 255).astype(np.uint8),
    "standing stripes": np.repeat((COLUMNS % 40 < 20)[..., None] * np.uint8(200), 3, 2),
    "lying stripes": np.repeat((ROWS % 4 < 2)[..., None] * np.uint8(200), 3, 2),
    "leaning stripes": np.repeat(((COLUMNS + ROWS) % 32 < 16)[..., None] * np.uint8(200), 3, 2),
    "chessboard": np.repeat(((COLUMNS // 20 + ROWS // 20) % 2)[..., None].astype(np.uint8) * np.uint8(200), 3, 2),
    "pillars": np.where((abs(COLUMNS - 160) < 100)[..., None], scene(), 0).astype(np.uint8),
}


@pytest.mark.parametrize("pixels", ["bgr24", "gray", "yuv420p"])
@pytest.mark.parametrize("image", PICTURES.values(), ids=PICTURES)
def test_no_picture_is_refused(image, pixels):
    frames = source(as_sent(image, pixels) * 3, size=(320, 240), pixel_format=pixels)
    assert len(list(iter(frames.read, None))) == 3


@pytest.mark.parametrize(
    ("sent", "read", "size"),
    [
        pytest.param("bgr24", "bgr24", (319, 240), id="a pixel narrower"),
        pytest.param("bgr24", "bgr24", (321, 240), id="a pixel wider"),
        pytest.param("bgr24", "bgr24", (240, 320), id="turned"),
        pytest.param("bgr24", "bgr24", (300, 200), id="smaller"),
        pytest.param("bgr24", "gray", (320, 240), id="colour as grey"),
        pytest.param("bgr24", "yuv420p", (320, 240), id="colour as planes"),
        pytest.param("yuv420p", "yuv420p", (300, 240), id="narrower planes"),
    ],
)
def test_a_wrong_size_or_format_is_told_at_once(sent, read, size):
    frames = source(as_sent(scene(), sent) * 9, size=size, pixel_format=read)
    with pytest.raises(UserError, match="does not have that size and format"):
        [frames.read() for _ in range(CHECKED_FRAMES)]


def test_compressed_video_is_no_raw_frame(tmp_path):
    content = write_video(tmp_path / "clip.h264", noise(20)).read_bytes()
    frames = source(content, size=(160, 120))
    with pytest.raises(UserError, match="compressed"):
        frames.read()


def test_a_file_that_holds_no_whole_number_of_frames_is_refused_at_once(tmp_path, monkeypatch):
    path = tmp_path / "frames.raw"
    path.write_bytes(bytes(10 * 320 * 240 + 1))
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(UserError, match="768001 bytes are not a whole number of frames of 76800 bytes"):
            open_source("-", Capture(size=(320, 240), pixel_format="gray"))


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
    options = ["--size", f"{width}x{height}", "--live", "--jsonl", "-"]
    with piped_run(tmp_path, bundle, portrait.tobytes(), *options) as process:
        assert process.wait(60) == 0
        assert process.stdout.read().count(b"\n") == 1
        assert b"hangs and is abandoned" in process.stderr.read()
