"""Videos of every kind: what is seen in them, when, and what is missing of those that are damaged."""

import errno
import io
import os
import re
import struct
import subprocess
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.ffmpeg import av
from edge.sources import decoder, open_source
from edge.sources.video import VideoFileSource

from ..clips import RATE, noise, shades, write_video
from ..http_server import Answering, respond

GOP = {"g": "250", "preset": "ultrafast", "bf": "0"}
"""Frames that all hang on the first."""


def read(path: Path) -> tuple[VideoFileSource, list[np.ndarray], list[float]]:
    """The source at its end, the pictures, and their times in seconds from the start."""
    source = VideoFileSource(path, opened=0.0)
    frames = list(iter(source.read, None))
    source.close()
    return source, [frame.image for frame in frames], [frame.captured for frame in frames]


def quarter(size: int = 64) -> np.ndarray:
    """A dark picture whose upper left quarter is bright red."""
    image = np.full((48, size, 3), 20, np.uint8)
    image[:24, : size // 2] = (240, 20, 20)
    return image


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        pytest.param("clip.mp4", "libx264", "yuv420p", id="H.264"),
        pytest.param("clip.mkv", "libx264", "yuv420p10le", id="H.264, 10 bits"),
        pytest.param("clip.mov", "libx264", "yuv422p", id="4:2:2"),
        pytest.param("clip.mkv", "libx264", "yuv444p", id="4:4:4"),
        pytest.param("clip.mp4", "libx265", "yuv420p", id="H.265"),
        pytest.param("clip.webm", "libvpx-vp9", "yuva420p", id="VP9 with alpha"),
        pytest.param("clip.mkv", "libsvtav1", "yuv420p", id="AV1"),
        pytest.param("clip.mov", "prores_ks", "yuv422p10le", id="ProRes"),
        pytest.param("clip.avi", "mjpeg", "yuvj420p", id="motion JPEG, full range"),
        pytest.param("clip.vob", "mpeg2video", "yuv420p", id="DVD"),
        pytest.param("clip.ts", "mpeg2video", "yuv420p", id="broadcast"),
        pytest.param("clip.asf", "wmv2", "yuv420p", id="Windows Media"),
        pytest.param("clip.mjpeg", "mjpeg", "yuvj420p", id="motion JPEG without a container"),
        pytest.param("clip.h264", "libx264", "yuv420p", id="H.264 without a container"),
        pytest.param("clip", "libx264", "yuv420p", id="without a suffix"),
    ],
)
def test_pictures_of_every_coding_are_read_in_their_order_and_at_their_times(tmp_path, name, codec, pixel_format):
    written = write_video(
        tmp_path / (name if "." in name else "clip.mp4"), shades(12), codec=codec, pixel_format=pixel_format
    )
    source, images, times = read(written.rename(tmp_path / name))
    assert [image.mean() for image in images] == pytest.approx([s.mean() for s in shades(12)], abs=8)
    assert np.diff(times) == pytest.approx([1 / RATE] * 11, abs=0.002)
    assert source.damage is None


@pytest.mark.parametrize("colours", [(9, 16, 9), (9, 18, 9)], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_about_as_bright_as_it_was_meant(tmp_path, colours):
    grey = {16: 0.58, 18: 0.75}[colours[1]]  # what the curves give for the white of a page
    picture = np.full((48, 64, 3), round(grey * 65535), np.uint16)
    path = write_video(
        tmp_path / "clip.mp4", [picture] * 5, codec="libx265", pixel_format="yuv420p10le", colours=colours
    )
    assert read(path)[1][0].mean() > 200


def test_of_interlaced_frames_one_field_is_shown(tmp_path):
    picture = np.full((576, 720, 3), 60, np.uint8)
    picture[::2] = 180  # the upper field: the moment before the lower one's
    path = write_video(tmp_path / "camcorder.avi", [picture] * 3, codec="dvvideo", pixel_format="yuv420p")
    _, images, _ = read(path)
    assert len(images) == 3
    assert images[0].mean() == pytest.approx(180, abs=6)
    assert images[0].std() < 6


@pytest.mark.parametrize(("ratio", "width"), [(Fraction(64, 45), 91), (Fraction(1, 2), 32), (Fraction(9999, 1), 64)])
def test_pixels_are_made_square_where_their_shape_is_believable(tmp_path, ratio, width):
    _, images, _ = read(write_video(tmp_path / "clip.mkv", [quarter()] * 3, pixel_aspect=ratio))
    assert images[0].shape == (48, width, 3)


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))], ids=str)
def test_pictures_are_turned_as_a_player_turns_them(tmp_path, rotation, corner):
    _, images, _ = read(write_video(tmp_path / "clip.mp4", [quarter()] * 3, rotation=rotation))
    image = images[0]
    assert image.shape == ((64, 48, 3) if rotation % 180 else (48, 64, 3))
    assert image.flags.c_contiguous
    corners = {(y, x): image[y * 5 or 3, x * 5 or 3, 2] for y in (0, -1) for x in (0, -1)}
    assert max(corners, key=corners.get) == corner


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_cover_is_not_the_video(tmp_path, suffix):
    source, images, _ = read(write_video(tmp_path / f"clip{suffix}", shades(20), cover=True))
    assert len(images) == 20
    assert source.damage is None


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mkv"), "w") as file:
        speech = file.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        file.mux([*speech.encode(frame), *speech.encode()])
    with pytest.raises(UserError, match=r"sound\.mkv: not a video .*no moving pictures"):
        open_source(str(tmp_path / "sound.mkv"))


def test_a_pause_is_a_pause(tmp_path):
    at = [*np.arange(10) / 25, *(20 + np.arange(10) / 25)]
    source, images, times = read(write_video(tmp_path / "motion.mkv", shades(20), at=at))
    assert times == pytest.approx(at, abs=0.002)
    assert (len(images), source.damage) == (20, None)


def test_frames_of_a_variable_rate_keep_their_times(tmp_path):
    at = np.cumsum([0, *np.random.default_rng(1).uniform(0.01, 0.2, 19)])
    assert read(write_video(tmp_path / "phone.mp4", shades(20), at=at))[2] == pytest.approx(at, abs=0.002)


def test_sound_that_is_longer_than_the_picture_is_no_damage(tmp_path):
    source, images, _ = read(write_video(tmp_path / "clip.mkv", shades(20), sound=10.0))
    assert (len(images), source.damage) == (20, None)
    assert source.duration == pytest.approx(10, abs=0.5)


def test_an_edit_list_hides_what_was_trimmed(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", shades(60), options=GOP)
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as old, av.open(str(trimmed), "w", options={"avoid_negative_ts": "disabled"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        shift = round(1.6 / old.streams.video[0].time_base)
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                new.mux(packet)
    source, images, times = read(trimmed)
    assert len(images) == 20 == source.total
    assert [image.mean() for image in images] == pytest.approx([s.mean() for s in shades(60)[40:]], abs=6)
    assert times == pytest.approx(np.arange(20) / RATE, abs=0.002)
    assert source.damage is None


def test_times_never_go_back_where_a_recorder_was_restarted(tmp_path):
    first, second = (write_video(tmp_path / f"{n}.ts", shades(25), options=GOP) for n in (1, 2))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    _, images, times = read(joined)
    assert len(images) == 50
    assert min(np.diff(times)) > 0
    assert times[-1] == pytest.approx(49 / RATE, abs=0.1)


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        pytest.param("clip.mp4", "libx264", "yuv420p", id="MP4"),
        pytest.param("clip.mkv", "libx264", "yuv420p", id="Matroska"),
        pytest.param("clip.avi", "mjpeg", "yuvj420p", id="AVI"),
    ],
)
def test_what_is_left_of_a_file_that_was_cut_off_is_read_and_its_end_told(tmp_path, name, codec, pixel_format):
    path = write_video(
        tmp_path / name, noise(50), codec=codec, pixel_format=pixel_format, container={"movflags": "faststart"}
    )
    source, images, times = read(cut(path, 0.5))
    assert 15 < len(images) < 35
    assert source.damage == f"is cut off after {times[-1]:.1f} s"


def test_frames_that_cannot_be_decoded_are_counted_and_the_others_kept(tmp_path):
    path = write_video(tmp_path / "clip.mp4", noise(50), options=GOP | {"g": "5"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 10] = bytes(len(content) // 10)
    path.write_bytes(content)
    source, images, _ = read(path)
    assert 30 < len(images) < 50
    assert re.fullmatch(r"is damaged in \d+ places", source.damage)


def test_a_hole_in_a_broadcast_is_damage_and_moves_no_picture_in_time(tmp_path):
    path = write_video(tmp_path / "clip.ts", noise(150), options={"g": "25", "bf": "2"}, sound=6.0)
    content, whole = path.read_bytes(), read(path)[2]
    third = len(content) // 188 // 3 * 188
    path.write_bytes(content[:third] + content[2 * third :])
    source, images, times = read(path)
    assert len(images) < 120
    assert min(np.diff(times)) > 0
    assert max(np.diff(times)) > 1.5
    assert times[-1] == pytest.approx(whole[-1], abs=0.001)
    assert source.damage.startswith("is damaged in ")


def test_pictures_that_are_lost_without_an_error_are_damage(tmp_path):
    path = write_video(tmp_path / "clip.h264", noise(50), options=GOP | {"g": "10"})
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    path.write_bytes(content)
    source, images, _ = read(path)
    assert 10 < len(images) < 45
    assert source.damage.startswith("is damaged in ")


def test_pixels_are_not_made_square_where_the_picture_would_be_too_large(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.mkv", shades(3), pixel_aspect=Fraction(8, 1))
    assert read(path)[1][0].shape == (48, 512, 3)
    monkeypatch.setattr(decoder, "MAX_VIDEO_PIXELS", 64 * 48)
    assert read(path)[1][0].shape == (48, 64, 3)


class Torn(io.FileIO):
    """A file on a disk that fails after `good` bytes."""

    good = 0

    def read(self, size=-1):
        if self.tell() >= self.good:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("share", [0, 0.6])
def test_a_disk_that_fails_is_told(tmp_path, monkeypatch, share):
    path = write_video(tmp_path / "clip.mkv", noise(50))
    monkeypatch.setattr(Torn, "good", int(share * path.stat().st_size))
    whole = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **b: Torn(str(self)) if self == path else whole(self, *a, **b))
    if share:
        source, images, _ = read(path)
        assert len(images) > 10
        assert source.damage.endswith("(Input/output error)")
    else:
        with pytest.raises(UserError, match=r"clip\.mkv: cannot be read \(Input/output error\)"):
            read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other rules for names")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param(b"12:30.mp4", "12:30.mp4", id="a colon"),
        pytest.param(b"http:clip.mp4", "http:clip.mp4", id="the beginning of an address"),
        pytest.param(b"concat:a|b.mp4", "concat:a|b.mp4", id="a protocol"),
        pytest.param(b"caf\xe9.mp4", "caf\\xe9.mp4", id="not UTF-8"),
        pytest.param(b"a\x1b[31mb.mp4", "a\\x1b[31mb.mp4", id="a control sequence"),
        pytest.param(b"%03d.mp4", "%03d.mp4", id="a pattern"),
        pytest.param(b"y" * 251 + b".mp4", "y" * 251 + ".mp4", id="as long as may be"),
        pytest.param("Bildschirm 1\u202fPM.mp4".encode(), "Bildschirm 1\u202fPM.mp4", id="a narrow space"),
    ],
)
def test_a_path_is_a_path(tmp_path, monkeypatch, name, shown):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.mp4", shades(3)).rename(tmp_path / os.fsdecode(name))
    for spec in (os.fsdecode(name), f"./{os.fsdecode(name)}", str(tmp_path / os.fsdecode(name))):
        source = open_source(spec)
        assert source.read().source == source.name == shown
        source.close()


DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S"
  profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
  <Representation id="1" bandwidth="1000"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
LISTS = {
    "FFmpeg's": "ffconcat version 1.0\nfile {}\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
    "HLS with a key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n',
    "DASH": DASH,
    "SDP": SDP,
    "VobSub": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n",
}
"""Playlists and other files that name what is to be opened."""


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.sdp", "list.idx", "list.jpg"])
def test_a_list_by_any_name_opens_no_file_and_no_address(tmp_path, name, content):
    other = write_video(tmp_path / "other.ts", shades(3))
    other.with_name("list.sub").write_bytes(other.read_bytes())
    with Answering(lambda handler: respond(handler, other.read_bytes())) as server:
        for named in (other, f"file:{other}", "other.ts", f"concat:{other}", f"{server.address}/other.ts"):
            (tmp_path / name).write_text(content.replace("{}", str(named)))
            with pytest.raises(UserError, match=r"not (a video|an image) that can be"):
                open_source(str(tmp_path / name))
        assert server.asked == []


@pytest.mark.parametrize(
    "spec",
    [
        *("file:other.ts", "concat:other.ts", "subfile,,start,0,end,0,,:other.ts", "cache:other.ts", "async:other.ts"),
        *("picture%d.png", "picture%03d.png", "picture*.png", "lavfi:color", "pipe:0", "fd:0", "data:,x", "other.ts|x"),
    ],
)
def test_a_name_that_means_something_to_ffmpeg_is_a_file_that_is_not_there(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "other.ts", shades(3))
    for name in ("picture1.png", "picture001.png"):
        cv2.imwrite(name, quarter())
    for place in ("", f"{tmp_path}/"):
        with pytest.raises(UserError, match="no such file"):
            open_source(place + spec)


def boxed(kind: bytes, content: bytes) -> bytes:
    """A box of an MP4 or QuickTime file."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def with_data_elsewhere(video: bytes, path: Path) -> bytes:
    """A QuickTime file whose data are said to be in another file: by an alias, as FFmpeg can follow it."""
    name, place = path.name.encode(), str(path).encode()
    alias = b"\0" * 10 + bytes([4]) + b"disk".ljust(27, b"\0") + b"\0" * 12 + bytes([len(name)]) + name.ljust(63, b"\0")
    alias += b"\0" * 16 + struct.pack(">hh", 1, 1) + b"\0" * 16
    alias += struct.pack(">hh", 2, len(place)) + place + b"\0" * (len(place) % 2) + struct.pack(">hh", -1, 0)
    entry = boxed(b"alis", b"\0" * 4 + alias)
    return _replaced(video, (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"), struct.pack(">II", 0, 1) + entry)


def _replaced(content: bytes, kinds: tuple[bytes, ...], new: bytes) -> bytes:
    """The content with that of one box replaced, which lies in others, from the outermost on."""
    if not kinds:
        return new
    at = 0
    while content[at + 4 : at + 8] != kinds[0]:
        at += struct.unpack_from(">I", content, at)[0]
    end = at + struct.unpack_from(">I", content, at)[0]
    return content[:at] + boxed(kinds[0], _replaced(content[at + 8 : end], kinds[1:], new)) + content[end:]


def test_data_in_another_file_are_not_read(tmp_path):
    raw = {"codec": "rawvideo", "pixel_format": "rgb24"}  # of one size, so that the one's index fits the other's data
    clip = write_video(tmp_path / "clip.mov", shades(5), **raw)
    other = write_video(tmp_path / "other.mov", shades(5)[::-1], **raw)
    own = read(clip)[1]
    clip.write_bytes(with_data_elsewhere(clip.read_bytes(), other))
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(clip), options=follow) as container:  # the file is one that FFmpeg would follow
        followed = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert abs(followed[0].mean() - own[0].mean()) > 10
    with pytest.raises(UserError, match="not a video that can be decoded"):
        read(clip)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_with_its_reason(tmp_path):
    path = write_video(tmp_path / "clip.mp4", shades(3))
    path.chmod(0)
    with pytest.raises(UserError, match=r"clip\.mp4: cannot be read \(Permission denied\)"):
        open_source(str(path))


@pytest.mark.parametrize("failing", ["stat", "open"])
def test_a_refusal_of_the_system_is_one_line(tmp_path, monkeypatch, failing):
    path = write_video(tmp_path / "clip.mp4", shades(3))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, failing, refuse)
    with pytest.raises(UserError, match=r"clip\.mp4: cannot be read \(Permission denied\)"):
        open_source(str(path))


def test_a_picture_is_not_kept_while_the_next_one_is_decoded(tmp_path):
    source = VideoFileSource(write_video(tmp_path / "clip.mp4", shades(4)))
    images = []
    while frame := source.read():
        images.append(weakref.ref(frame.image))
        del frame
        assert images[-1]() is None
    source.close()
    assert len(images) == 4


ANNOTATING = """
import sys
from pathlib import Path

from edge.outputs.video import AnnotatedVideo
from edge.pipeline.pipeline import Pipeline
from edge.sources.video import VideoFileSource
from tests.edge.stand_ins import ScriptedRecognizer


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1000


before = peak()
clip, copy = map(Path, sys.argv[1:])
with Pipeline(VideoFileSource(clip, threads=1), ScriptedRecognizer(), [AnnotatedVideo(copy, 25)]) as pipeline:
    for result in pipeline:
        del result
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it")
def test_few_pictures_of_a_large_recording_are_in_memory_at_a_time(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", shades(1, 3840, 2160) * 12, options=GOP)
    command = [sys.executable, "-c", ANNOTATING, clip, tmp_path / "copy.mp4"]
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}  # glibc keeps nothing large that was freed
    done = subprocess.run(command, cwd=Path(__file__).parents[3], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 175, "MB"
