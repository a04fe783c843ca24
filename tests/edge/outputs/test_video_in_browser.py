"""Written video as a browser shows it: Chromium, driven through Playwright."""

import shutil

import numpy as np
import pytest

from edge.base.ffmpeg import av
from edge.faces.results import FrameResult
from edge.outputs import video_formats
from edge.outputs.video import AnnotatedVideo
from edge.outputs.video_writer import create_video
from edge.sources.pixels import BgrPixels

from ..stand_ins import face, frame, picture

FORMATS = pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
ORANGE, BLUE = (0, 94, 213), (178, 114, 0)
"""BGR."""

WATCH = """async () => {
  const video = document.querySelector("video");
  const told = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
  });
  const shown = () => new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const colour = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    return [...context.getImageData(canvas.width - 8, canvas.height - 8, 1, 1).data].slice(0, 3);
  };
  const ready = told("canplay");
  const painted = shown();
  video.src = URL.createObjectURL(document.querySelector("input").files[0]);
  await Promise.all([ready, painted]);
  const found = { size: [video.videoWidth, video.videoHeight], duration: video.duration, first: colour() };
  if (isFinite(video.duration)) {
    const there = Promise.all([told("seeked"), shown()]);
    video.currentTime = video.duration / 2 + 0.1;
    await there;
    found.middle = colour();
    video.currentTime = 0;
  }
  const ended = told("ended");
  video.playbackRate = 4;
  await video.play();
  await ended;
  return { ...found, last: colour(), end: video.currentTime };
}"""


@pytest.fixture(scope="module")
def watch(chromium):
    """`watch(path)` plays a video to its end: its size, duration, and colours (RGB) of the lower right corner."""

    def play(path):
        with chromium.new_context() as context:
            page = context.new_page()
            page.set_content("<input type=file><video muted></video>")
            page.set_input_files("input", path)
            return page.evaluate(WATCH)

    return play


def write(path, *, growing=False, size=(98, 66)):
    """Two seconds of one colour and two of another, at ten frames a second."""
    with create_video(path, size, 10, growing=growing) as writer:
        for i in range(40):
            writer.write(BgrPixels(picture(ORANGE if i < 20 else BLUE, *size)), i / 10)
    return path


def assert_shown(seen, size=(98, 66)):
    assert tuple(seen["size"]) == size
    assert (seen["duration"], seen["end"]) == pytest.approx((4, 4), abs=0.05)
    assert seen["first"] == pytest.approx(ORANGE[::-1], abs=6)
    assert seen["middle"] == pytest.approx(BLUE[::-1], abs=6)
    assert seen["last"] == pytest.approx(BLUE[::-1], abs=6)


@FORMATS
@pytest.mark.parametrize("growing", [False, True], ids=["whole", "growing"])
def test_it_plays_to_the_end_and_from_the_middle_in_its_colours(tmp_path, watch, suffix, growing):
    assert_shown(watch(write(tmp_path / f"a{suffix}", growing=growing)))


@FORMATS
def test_odd_sizes_play(tmp_path, watch, suffix):
    assert_shown(watch(write(tmp_path / f"a{suffix}", size=(99, 67))), size=(100, 68))


def test_vp9_takes_the_place_of_h264(tmp_path, watch, monkeypatch):
    look_up = av.codec.Codec

    def without_x264(name, mode):
        if name == "libx264":
            raise av.codec.codec.UnknownCodecError(name)
        return look_up(name, mode)

    monkeypatch.setattr(video_formats.av.codec, "Codec", without_x264)
    assert_shown(watch(write(tmp_path / "a.mp4")))


@FORMATS
def test_what_a_killed_process_leaves_plays(tmp_path, watch, suffix):
    path, left = tmp_path / f"a{suffix}", tmp_path / f"left{suffix}"
    with create_video(path, (98, 66), 10, growing=True) as writer:
        for i in range(50):
            writer.write(BgrPixels(picture(ORANGE, 98, 66)), i / 10)
        shutil.copy(path, left)
    seen = watch(left)
    assert seen["end"] == pytest.approx(4, abs=0.11)
    assert seen["first"] == pytest.approx(ORANGE[::-1], abs=6)
    assert seen["last"] == pytest.approx(ORANGE[::-1], abs=6)


@FORMATS
@pytest.mark.parametrize("live", [False, True])
def test_an_annotated_video_plays_at_the_frames_own_times(tmp_path, watch, suffix, live):
    times = np.cumsum([0, 0.1, 0.1, 0.7, 0.05, 0.05, 1.0])
    with AnnotatedVideo(tmp_path / f"a{suffix}", 30, live=live) as output:
        for i, time in enumerate(times):
            shown = frame(i, picture(BLUE, 320, 240), captured=1e9 + time)
            output.write(FrameResult(shown, (face(box=(50, 60, 80, 90)),), 0.0))
    seen = watch(tmp_path / f"a{suffix}")
    assert seen["size"] == [320, 240]
    assert seen["duration"] == pytest.approx(2.0 + 1.0, abs=0.05)
    assert seen["last"] == pytest.approx(BLUE[::-1], abs=6)
