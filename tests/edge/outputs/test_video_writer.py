"""Written video: every frame at its own time and in its own colours, whole files, and files that can be cut off."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.ffmpeg import av
from edge.outputs import video_formats
from edge.outputs.video_formats import LONGEST_SIDES, container_of, encoder_for
from edge.outputs.video_writer import LONGEST_GAP, Timeline, create_video
from edge.sources.pixels import BgrPixels

from ..stand_ins import picture

try:
    import resource
except ImportError:  # Windows
    resource = None

SUFFIXES = [".mp4", ".mkv", ".webm"]
BOTH = pytest.mark.parametrize("growing", [False, True], ids=["whole", "growing"])
ALL = pytest.mark.parametrize("suffix", SUFFIXES)


def decoded(path):
    """The frames of a file: `images` (BGR), `times` and `ends` in seconds, and the `stream`'s parameters."""
    with av.open(os.fspath(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        container.seek(0)
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
        tick = stream.time_base
        context = stream.codec_context
        return SimpleNamespace(
            images=images,
            times=[float(p.pts * tick) for p in packets],
            keys=[float(p.pts * tick) for p in packets if p.is_keyframe],
            duration=container.duration and container.duration / av.time_base,
            codec=context.name,
            format=context.pix_fmt,
            size=(context.width, context.height),
            colours=(context.color_primaries, context.color_trc, context.color_range),
            matrix=context.colorspace,
            profile=context.profile,
            level=context.level,
        )


def noise(seed, width=64, height=48):
    """A grey picture that takes many bytes."""
    return np.repeat(np.random.default_rng(seed).integers(0, 256, (height, width, 1), dtype=np.uint8), 3, axis=2)


def write_video(path, times, image=noise, rate=25, **options):
    first = image(0)
    with create_video(path, (first.shape[1], first.shape[0]), rate, **options) as writer:
        for i, time in enumerate(times):
            writer.write(BgrPixels(image(i)), time)
    return path


class TestTimes:
    @ALL
    @BOTH
    def test_every_frame_is_shown_at_its_own_time(self, tmp_path, suffix, growing):
        times = [0, 0.04, 0.0834, 0.5, 0.51, 2.5, 3.7003]
        video = decoded(write_video(tmp_path / f"a{suffix}", [1.7e9 + t for t in times], growing=growing))
        assert video.times == pytest.approx(times, abs=0.001)
        assert video.duration == pytest.approx(3.7003 + 1.2003, abs=0.002), "the last as long as the one before"

    def test_usual_rates_are_exact(self, tmp_path):
        for rate in (24, 25, 30000 / 1001, 60):
            path = write_video(tmp_path / "a.mp4", [i / rate for i in range(50)], rate=rate)
            with av.open(str(path)) as container:
                assert float(container.streams.video[0].average_rate) == pytest.approx(rate, rel=1e-9)

    @ALL
    @BOTH
    def test_frames_of_one_time_and_a_clock_set_back_end_nothing(self, tmp_path, suffix, growing):
        times = [5, 5, 5, 5.04, 3, 3.04, 3.08]
        video = decoded(write_video(tmp_path / f"a{suffix}", times, growing=growing))
        assert video.times == pytest.approx([0, 0.001, 0.002, 0.042, 0.082, 0.122, 0.162], abs=0.0006)
        assert len(video.images) == 7

    @ALL
    def test_an_outage_of_a_camera_is_shortened_and_a_pause_of_a_recording_is_not(self, tmp_path, suffix):
        times = [0, 0.04, 3600, 3600.04]
        camera = decoded(write_video(tmp_path / f"a{suffix}", times, growing=True))
        assert camera.times == pytest.approx([0, 0.04, LONGEST_GAP + 0.04, LONGEST_GAP + 0.08], abs=0.001)
        recording = decoded(write_video(tmp_path / f"b{suffix}", times))
        assert recording.times == pytest.approx(times, abs=0.001)

    @pytest.mark.parametrize(
        ("times", "expected"),
        [
            pytest.param([7.0], [0.0], id="one frame"),
            pytest.param([1, 2, 4], [0, 1, 3], id="rising"),
            pytest.param([1, 1, 1], [0, 0.001, 0.002], id="equal"),
            pytest.param([5, 4, 5], [0, 0.5, 1.5], id="set back: the usual step"),
            pytest.param([0, 99, 100], [0, 10, 11], id="a gap"),
            pytest.param([0, 10, 20], [0, 10, 20], id="the longest that is kept"),
        ],
    )
    def test_the_time_line(self, times, expected):
        line = Timeline(0.5, 10.0)
        assert [line.place(time) for time in times] == pytest.approx(expected)

    @ALL
    def test_players_find_a_frame_to_begin_at_every_two_seconds(self, tmp_path, suffix):
        video = decoded(write_video(tmp_path / f"a{suffix}", [i / 5 for i in range(40)], rate=30, growing=True))
        assert video.keys == pytest.approx([0, 2, 4, 6], abs=0.001)

    @pytest.mark.parametrize("rate", [None, 0, float("nan"), float("inf"), 90_000, 1e-9])
    def test_a_source_that_does_not_know_its_rate_is_written_all_the_same(self, tmp_path, rate):
        video = decoded(write_video(tmp_path / "a.mp4", [0, 0.1, 0.2], rate=rate))
        assert video.times == pytest.approx([0, 0.1, 0.2], abs=0.001)
        assert video.level <= 31, "older hardware decodes it"


class TestFormats:
    @pytest.mark.parametrize(
        ("suffix", "codec"), [(".mp4", "h264"), (".mkv", "h264"), (".webm", "vp8"), (".MP4", "h264")]
    )
    @BOTH
    def test_what_browsers_play(self, tmp_path, suffix, codec, growing):
        video = decoded(write_video(tmp_path / f"a{suffix}", [0, 0.04], growing=growing))
        assert (video.codec, video.format) == (codec, "yuv420p")
        assert video.profile == (None if codec == "vp8" else "Constrained Baseline")

    @pytest.mark.parametrize(
        ("suffix", "index", "media"), [(".mp4", b"moov", b"mdat"), (".mkv", b"\x1c\x53\xbb\x6b", b"\x1f\x43\xb6\x75")]
    )
    def test_a_whole_file_starts_to_play_at_once(self, tmp_path, suffix, index, media):
        content = write_video(tmp_path / f"a{suffix}", [i / 25 for i in range(10)]).read_bytes()
        assert 0 < content.index(index) < content.index(media), "the index is in front"

    @ALL
    @pytest.mark.parametrize("size", [(17, 19), (63, 47), (64, 47), (63, 48), (598, 338)])
    def test_odd_sizes_become_even_and_lose_nothing(self, tmp_path, suffix, size):
        width, height = size
        image = picture((0, 0, 0), width, height)
        image[:, -1] = image[-1] = 255
        video = decoded(write_video(tmp_path / f"a{suffix}", [0, 0.04], lambda i: image))
        assert video.size == (width + width % 2, height + height % 2)
        assert video.images[0][:, width - 1 :].mean() > 200
        assert video.images[0][height - 1 :].mean() > 200

    @ALL
    @pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 100)])
    def test_tiny_pictures_are_enlarged(self, tmp_path, suffix, size):
        video = decoded(write_video(tmp_path / f"a{suffix}", [0, 0.04], lambda i: picture((255, 255, 255), *size)))
        assert [image.shape for image in video.images] == [(max(16, size[1]), 16, 3)] * 2
        assert video.images[1].mean() > 100

    @pytest.mark.parametrize("size", [(80, 20), (20, 80), (128, 96), (2, 2)])
    def test_pictures_of_other_sizes_are_scaled_and_keep_their_shape(self, tmp_path, size):
        with create_video(tmp_path / "a.mp4", (64, 48)) as writer:
            writer.write(BgrPixels(picture((128, 128, 128))), 0)
            writer.write(BgrPixels(picture((255, 255, 255), *size)), 1)
        video = decoded(tmp_path / "a.mp4")
        assert [image.shape for image in video.images] == [(48, 64, 3)] * 2
        bright = video.images[1].mean(axis=2) > 128
        width, height = bright.any(axis=0).sum(), bright.any(axis=1).sum()
        scale = min(64 / size[0], 48 / size[1])
        assert (width, height) == pytest.approx((size[0] * scale, size[1] * scale), abs=1.5)
        assert bright[24, 32], "in the middle"

    @ALL
    @pytest.mark.parametrize(
        "colour",
        [(255, 255, 255), (0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 158, 115), (213, 94, 0), (90, 90, 90)],
    )
    @BOTH
    def test_colours_stay_and_are_tagged(self, tmp_path, suffix, colour, growing):
        video = decoded(write_video(tmp_path / f"a{suffix}", [0, 0.04], lambda i: picture(colour), growing=growing))
        assert video.images[-1].mean(axis=(0, 1)) == pytest.approx(colour, abs=4)
        assert video.matrix in (5, 6), "two names of BT.601"
        assert video.colours == (1, 1, 1)

    @ALL
    @pytest.mark.parametrize("size", [(320, 240), (320, 238), (322, 182), (318, 241)])
    def test_pictures_stay_sharp_in_every_size(self, tmp_path, suffix, size):
        image = cv2.GaussianBlur(noise(1, *size), (0, 0), 3)
        video = decoded(write_video(tmp_path / f"a{suffix}", [i / 25 for i in range(10)], lambda i: image))
        assert cv2.PSNR(video.images[-1][: size[1], : size[0]], image) > 35

    def test_avi_is_told_what_to_take_instead(self, tmp_path):
        with pytest.raises(UserError, match=r"a\.avi: .* no longer written: .*\.mkv"):
            container_of(tmp_path / "a.avi")


class TestEncoders:
    @pytest.fixture
    def without(self, monkeypatch):
        """`without(*names)` takes encoders away, as a build of FFmpeg may."""

        def take_away(*names):
            codec = av.codec.Codec

            def look_up(name, mode):
                if name in names:
                    raise av.codec.codec.UnknownCodecError(name)
                return codec(name, mode)

            monkeypatch.setattr(video_formats.av.codec, "Codec", look_up)

        return take_away

    @pytest.mark.parametrize(
        ("suffix", "missing", "codec"),
        [
            (".mp4", ["libx264"], "vp9"),
            (".mkv", ["libx264"], "vp9"),
            (".webm", ["libx264"], "vp8"),
            (".webm", ["libvpx"], "vp9"),
        ],
    )
    @BOTH
    def test_another_one_takes_the_place_of_one_that_is_missing(
        self, tmp_path, without, suffix, missing, codec, growing
    ):
        without(*missing)
        video = decoded(
            write_video(tmp_path / f"a{suffix}", [0, 0.04, 0.5], lambda i: picture((213, 94, 0)), growing=growing)
        )
        assert video.codec == codec
        assert video.times == pytest.approx([0, 0.04, 0.5], abs=0.001)
        assert video.images[-1].mean(axis=(0, 1)) == pytest.approx((213, 94, 0), abs=4)
        assert video.matrix in (5, 6), "two names of BT.601"
        assert video.colours == (1, 1, 1)

    def test_none_is_told_before_anything_is_written(self, tmp_path, without):
        without("libx264", "libvpx-vp9")
        with pytest.raises(UserError, match="none of the encoders libx264, libvpx-vp9"):
            container_of(tmp_path / "a.mp4")
        assert list(tmp_path.iterdir()) == []


class TestNames:
    @BOTH
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("12:30.mp4", id="a colon"),
            pytest.param("http:a.mp4", id="like an address"),
            pytest.param("%03d.mp4", id="like a pattern"),
            pytest.param("-.mp4", id="like an option"),
            pytest.param("é ü\n.mp4", id="spaces and control characters"),
            pytest.param("x" * 251 + ".mp4", id="as long as a name can be"),
            pytest.param(
                "Gr\udcfc\udcdfe.mp4",
                id="not UTF-8",
                marks=pytest.mark.skipif(sys.platform != "linux", reason="names are text here"),
            ),
        ],
    )
    def test_a_path_is_a_path(self, tmp_path, monkeypatch, name, growing):
        monkeypatch.chdir(tmp_path)
        write_video(Path(name), [0, 0.04], growing=growing)
        assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - names, not paths
        assert len(decoded(tmp_path / name).images) == 2

    @pytest.mark.parametrize(("suffix", "longest"), [(".mp4", 16384), (".webm", 16382)])
    def test_sides_that_the_encoder_does_not_take_are_refused_at_once(self, tmp_path, suffix, longest):
        if encoder_for(container_of(tmp_path / f"a{suffix}")) not in LONGEST_SIDES:
            pytest.skip("this FFmpeg has another encoder")
        path = tmp_path / f"a{suffix}"
        refused = pytest.raises(UserError, match=f"a{suffix}: pictures of {longest + 1}x32 are too large")
        with refused as caught, create_video(path, (longest + 1, 32)):
            pytest.fail("nothing to write to")
        assert "disk" not in caught.value.remedy
        with create_video(path, (longest, 32)) as writer:
            writer.write(BgrPixels(np.zeros((32, longest, 3), np.uint8)), 0.0)
        assert len(decoded(path).images) == 1

    def test_a_folder_in_the_way_is_told(self, tmp_path):
        (tmp_path / "a.mp4").mkdir()
        for growing in (False, True):
            with pytest.raises(UserError, match=r"a\.mp4: cannot be written \(Is a directory\)"):
                write_video(tmp_path / "a.mp4", [0], growing=growing)

    @BOTH
    def test_the_folder_is_made(self, tmp_path, growing):
        assert write_video(tmp_path / "new" / "folder" / "a.mp4", [0], growing=growing).is_file()


def write_and_fail(path, times, **options):
    with create_video(path, (64, 48), 25, **options) as writer:
        for i, time in enumerate(times):
            writer.write(BgrPixels(noise(i)), time)
        raise ZeroDivisionError


class TestErrors:
    @ALL
    def test_nothing_is_at_the_path_until_the_end_nor_after_an_error(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        path.write_text("old")
        with pytest.raises(ZeroDivisionError):
            write_and_fail(path, [0, 1])
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    @ALL
    def test_a_growing_file_is_finished_after_an_error(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        with pytest.raises(ZeroDivisionError):
            write_and_fail(path, [0, 1, 2], growing=True)
        video = decoded(path)
        assert video.times == pytest.approx([0, 1, 2], abs=0.001)
        assert video.duration == pytest.approx(3, abs=0.01)

    @ALL
    def test_a_growing_file_is_gone_after_an_error_before_its_first_frame(self, tmp_path, suffix):
        with pytest.raises(ZeroDivisionError):
            write_and_fail(tmp_path / f"a{suffix}", [], growing=True)
        assert not list(tmp_path.iterdir())


@contextmanager
def full_disk(after):
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(resource is None, reason="no limits here")
class TestFullDisk:
    TIMES = tuple(i / 10 for i in range(60))

    @ALL
    @pytest.mark.parametrize(
        "share", [0.0, 0.0001, 0.3, 0.9, 0.9999], ids=["at once", "in the header", "early", "late", "at the last byte"]
    )
    def test_a_whole_file_does_not_appear(self, tmp_path, suffix, share):
        path = write_video(tmp_path / f"a{suffix}", self.TIMES)
        size = path.stat().st_size
        path.unlink()
        with full_disk(int(share * size)), pytest.raises(UserError, match=rf"a\{suffix}: cannot be written \(File too"):
            write_video(path, self.TIMES)
        assert list(tmp_path.iterdir()) == []

    @ALL
    @pytest.mark.parametrize("share", [0.5, 0.9, 0.9999], ids=["early", "late", "at the last byte"])
    def test_a_growing_file_keeps_what_can_be_played(self, tmp_path, suffix, share):
        path = write_video(tmp_path / f"a{suffix}", self.TIMES, growing=True)
        size = path.stat().st_size
        with full_disk(int(share * size)), pytest.raises(UserError, match="cannot be written"):
            write_video(path, self.TIMES, growing=True)
        video = decoded(path)
        assert len(video.images) == len(video.times) >= (60 * share) - 21, "all but the last two seconds"
        assert cv2.PSNR(video.images[-1], noise(len(video.images) - 1)) > 15

    @ALL
    def test_a_growing_file_without_anything_to_play_is_removed(self, tmp_path, suffix):
        with full_disk(1), pytest.raises(UserError, match="cannot be written"):
            write_video(tmp_path / f"a{suffix}", self.TIMES, growing=True)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")  # noqa: PTH110
    def test_a_device_is_no_file_to_remove(self, tmp_path):
        link = tmp_path / "a.mkv"
        link.symlink_to("/dev/full")
        with pytest.raises(UserError, match=r"a\.mkv: cannot be written \(No space left on device\)"):
            write_video(link, self.TIMES)
        assert Path("/dev/full").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from edge.outputs.video_writer import create_video
from edge.sources.pixels import BgrPixels

generator = np.random.default_rng(0)
with create_video(Path(sys.argv[1]), (64, 48), 10, growing=True) as writer:
    for i in range(95):
        writer.write(BgrPixels(generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)), i / 10)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="not here")
@ALL
def test_a_killed_process_leaves_a_growing_file_that_plays(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert subprocess.run([sys.executable, "-c", KILLED, path]).returncode == -signal.SIGKILL
    video = decoded(path)
    assert len(video.images) == len(video.times) >= 75, "all but the last two seconds"
    assert video.times == pytest.approx([i / 10 for i in range(len(video.times))], abs=0.001)
