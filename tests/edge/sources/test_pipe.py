"""Video of another program on standard input."""

import os
import sys
import threading
from pathlib import Path

import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources import open_source

from ..clips import noise, shades, write_video
from ..http_camera import jpeg
from ..patience import LONG, patiently
from ..source_suite import Promise, SourceSuite
from .piped import piped_run

ROOT = Path(__file__).parents[3]
SMALL_GROUPS = {"g": "10", "bf": "0"}


@pytest.fixture
def piped(monkeypatch):
    """`piped(content)` writes into a pipe that takes the place of standard input; `end=False` leaves it open."""
    opened = []

    def write(content, end=True):
        reading, writing = os.pipe()
        standard = os.fdopen(reading, "r")
        monkeypatch.setattr(sys, "stdin", standard)
        let_go = threading.Event()

        def run():
            with os.fdopen(writing, "wb", buffering=0) as pipe:
                try:
                    for at in range(0, len(content), 1000):
                        pipe.write(content[at : at + 1000])
                except BrokenPipeError:
                    return
                if not end:
                    let_go.wait(LONG)

        thread = threading.Thread(target=run)
        opened.append((standard, let_go, thread))
        thread.start()

    yield write
    for standard, let_go, thread in opened:
        let_go.set()
        standard.close()
        thread.join(LONG)


FORMS = {
    "transport stream": ("clip.ts", {}),
    "Matroska": ("clip.mkv", {}),
    "WebM": ("clip.webm", {"codec": "libvpx"}),
    "fragmented MP4": ("clip.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
    "H.264": ("clip.h264", {"options": SMALL_GROUPS}),
    "H.265": ("clip.hevc", {"codec": "libx265", "options": {"x265-params": "log-level=none:bframes=0"}}),
}


class TestProtocol(SourceSuite):
    """A recording through a pipe."""

    @pytest.fixture
    def opened(self, piped, tmp_path):
        piped(write_video(tmp_path / "clip.ts", shades(50), options=SMALL_GROUPS).read_bytes())
        return open_source("-"), Promise("standard input", False, 25.0, 50, None)


@pytest.mark.parametrize(("name", "settings"), FORMS.values(), ids=FORMS)
def test_all_forms_are_read(piped, tmp_path, name, settings):
    piped(write_video(tmp_path / name, shades(50), **settings).read_bytes())
    source = open_source("-")
    frames = list(iter(source.read, None))
    assert (len(frames), source.live, source.damage) == (50, False, None)
    assert frames[-1].captured - frames[0].captured == pytest.approx(49 / 25, abs=0.1)
    source.close()


def test_a_bare_stream_of_jpegs_is_read(piped):
    pictures = [jpeg(image) for image in noise(20)]
    piped(b"".join(pictures))
    source = open_source("-", Capture(fps=10.0))
    frames = list(iter(source.read, None))
    assert len(frames) == 20
    assert frames[-1].captured - frames[0].captured == pytest.approx(1.9, abs=0.01)
    source.close()


@pytest.mark.parametrize("name", ["clip.h264", "clip.ts", "clip.mkv"])
def test_the_first_pictures_come_before_the_pipe_ends(piped, tmp_path, name):
    """One second of a small camera is enough: programs that are slow are not waited for."""
    container = {"cluster_time_limit": "100", "live": "1"} if name == "clip.mkv" else {}
    clip = write_video(tmp_path / name, noise(30), options=SMALL_GROUPS | {"crf": "40"}, container=container)
    piped(clip.read_bytes(), end=False)
    source = open_source("-", Capture(live=True))
    assert source.live
    assert all(source.read() is not None for _ in range(20))


def test_a_file_at_standard_input_is_read_to_its_end(monkeypatch, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", shades(50))  # its index is at the end
    with clip.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        source = open_source("-")
        assert len(list(iter(source.read, None))) == 50
        source.close()


def test_what_is_cut_off_is_damaged(monkeypatch, tmp_path):
    clip = write_video(tmp_path / "clip.mkv", noise(50))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with clip.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        source = open_source("-")
        assert 0 < len(list(iter(source.read, None))) < 50
        assert "is cut off" in source.damage
        source.close()


@pytest.mark.parametrize("content", [b"", b"no video" * 1000, bytes(100_000)], ids=["nothing", "text", "zeros"])
def test_what_is_no_video_is_one_line(piped, content):
    piped(content)
    with pytest.raises(UserError, match="standard input: no video") as caught:
        open_source("-")
    assert "--size" in caught.value.remedy


def test_a_playlist_opens_no_file(piped, tmp_path):
    clip = write_video(tmp_path / "clip.ts", shades(50))
    piped(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n".encode())
    with pytest.raises(UserError, match="no video"):
        open_source("-")


def test_raw_frames_need_their_size(piped):
    piped(b"")
    with pytest.raises(UserError, match="size of raw frames is missing"):
        open_source("-", Capture(pixel_format="gray"))


@pytest.mark.parametrize("size", [(6, 4), None])
def test_a_terminal_is_no_program(monkeypatch, size):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(UserError, match="is a terminal"):
        open_source("-", Capture(size=size))


def test_hardware_that_is_not_there_is_told_and_done_without(piped, tmp_path, caplog):
    piped(write_video(tmp_path / "clip.h264", shades(50), options=SMALL_GROUPS).read_bytes())
    source = open_source("-", Capture(decoder="v4l2m2m"))
    assert source.read() is not None
    assert [record.getMessage().split(" on ")[0] for record in caplog.records] == ["no decoder h264_v4l2m2m"]
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_recording_that_hangs_can_be_stopped(tmp_path, bundle, yunet):
    clip = write_video(tmp_path / "clip.ts", noise(50)).read_bytes()
    with piped_run(tmp_path, bundle, clip, "--jsonl", "r.jsonl") as process:
        patiently(lambda: list(tmp_path.glob(".r-*.jsonl")))  # made when the source is open
        process.terminate()
        assert process.wait(LONG) == 0
