"""Every source keeps one protocol; bad ones are refused by name before anything starts."""

import errno
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources import open_source, v4l2
from edge.sources.pictures import PICTURE_SPACING, read_image
from edge.sources.v4l2 import MOST_DAMAGED, CameraSource
from edge.sources.video import VideoFileSource

from ..source_suite import Promise, SourceSuite
from ..stand_ins import picture

FRAMES, FPS = 12, 20.0

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of its cameras")


def write_image(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


class FakeCapture:
    """A camera of OpenCV's that gives `FRAMES` grey pictures and is lost then.

    `damaged` are the numbers of those that cannot be decoded, and come on top.
    """

    def __init__(self, device, opened=True, damaged=()):
        self.device, self.opened, self.left, self.settings = device, opened, FRAMES + len(damaged), {}
        self.damaged, self.grabbed = damaged, -1

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.opened

    def set(self, key, value):
        self.settings[key] = value

    def get(self, key):
        return {cv2.CAP_PROP_FPS: 30.0}.get(key, 0.0)

    def grab(self):
        self.left -= 1
        self.grabbed += 1
        return self.opened and self.left >= 0

    def retrieve(self):
        return (False, None) if self.grabbed in self.damaged else (True, picture())

    def release(self):
        self.opened, self.left = False, 0


@pytest.fixture
def camera(monkeypatch):
    """Make camera 0 a fake one; the list holds the opened ones."""
    opened = []

    def capture(device):
        opened.append(FakeCapture(device))
        return opened[-1]

    monkeypatch.setattr(v4l2, "camera_devices", lambda: ["/dev/video0"])
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", capture)
    return opened


@pytest.fixture(params=["clip.mp4", "clip.avi", "clip.mkv", "picture.png", "folder", "camera"])
def opened(request, tmp_path, write_clip):
    """A source of each kind with what it promises."""
    if request.param == "camera":
        request.getfixturevalue("camera")
        return open_source("0"), Promise("camera 0", live=True, fps=30.0, frames=FRAMES, total=None)
    path = tmp_path / request.param
    if request.param.startswith("clip"):
        write_clip(path, FRAMES, FPS)
        counted = None if path.suffix == ".mkv" else FRAMES  # Matroska does not count its frames
        expected = Promise(path.name, live=False, fps=FPS, frames=FRAMES, total=counted)
    elif request.param == "picture.png":
        write_image(path, picture())
        expected = Promise(path.name, live=False, fps=1.0, frames=1, total=1)
    else:
        path.mkdir()
        for i in range(5):
            write_image(path / f"{i}.png", picture())
        expected = Promise(path.name, live=False, fps=1.0, frames=5, total=5)
    return open_source(str(path)), expected


class TestProtocol(SourceSuite):
    """Files, folders and a camera that OpenCV reads."""


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
@pytest.mark.parametrize("fps", [10.0, 25.0])
def test_a_video_keeps_its_own_times_and_order(tmp_path, write_clip, suffix, fps):
    source = open_source(str(write_clip(tmp_path / f"clip{suffix}", FRAMES, fps)))
    frames = list(iter(source.read, None))
    source.close()
    assert np.array([f.captured for f in frames]) - frames[0].captured == pytest.approx(
        np.arange(FRAMES) / fps, abs=0.002
    )
    assert [f.image.mean() for f in frames] == pytest.approx([20 * i for i in range(FRAMES)], abs=6)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="FFmpeg's program is not here")
def test_a_stream_without_times_plays_at_its_rate(tmp_path, write_clip):
    clip, stream = write_clip(tmp_path / "clip.mp4"), tmp_path / "clip.h264"
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-c:v", "libx264", stream], check=True, timeout=60)
    source = VideoFileSource(stream, opened=0.0)
    times = [frame.captured for frame in iter(source.read, None)]
    assert times == pytest.approx([i / source.fps for i in range(12)])


def test_the_name_of_a_video_is_its_file_name(tmp_path, write_clip):
    assert open_source(str(write_clip(tmp_path / "clip.mp4"))).read().source == "clip.mp4"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("empty.mp4", b"", "the file is empty", id="empty video"),
        pytest.param("empty", b"", "the file is empty", id="empty, no suffix"),
        pytest.param("text.mp4", b"no video at all\n" * 50, "not a video that can be decoded", id="text as video"),
        pytest.param("text.txt", b"hello", "not a video that can be decoded", id="text"),
        pytest.param("empty.png", b"", "not an image that can be read", id="empty image"),
        pytest.param("text.png", b"no image at all\n", "not an image that can be read", id="text as image"),
        pytest.param("text.JPG", b"no image at all\n", "not an image that can be read", id="suffix in capitals"),
    ],
)
def test_a_file_that_is_not_what_it_says(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        open_source(str(path))
    assert caught.value.problem.startswith(f"{path}: ")
    assert caught.value.remedy


@pytest.mark.parametrize("share", [0.01, 0.5])
@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_video_cut_short_is_refused(tmp_path, write_clip, suffix, share):
    path = write_clip(tmp_path / f"clip{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="not a video that can be decoded") as caught:
        open_source(str(path))
    assert str(path) in caught.value.problem


def test_a_container_without_a_frame_is_refused(tmp_path, write_clip):
    path = write_clip(tmp_path / "clip.mp4", frames=0)
    with pytest.raises(UserError, match=r"clip\.mp4"):
        open_source(str(path))


@pytest.mark.parametrize("name", ["nowhere.mp4", "nowhere/at/all.png", "nowhere", "-1"])
def test_a_path_that_is_not_there(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{name}: no such file, folder or camera") as caught:
        open_source(name)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([], id="empty"),
        pytest.param(["notes.txt", "clip.mp4"], id="nothing that is an image"),
        pytest.param(["folder.png/notes.txt"], id="a folder that is called like an image"),
    ],
)
def test_a_folder_without_images_is_refused(tmp_path, files):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match="no images in this folder") as caught:
        open_source(str(tmp_path))
    assert str(tmp_path) in caught.value.problem


def test_a_folder_comes_in_the_order_of_names_and_farther_apart_than_any_memory(tmp_path):
    for i, name in enumerate(["b.png", "a.jpg", "10.bmp", "9.PNG"]):
        write_image(tmp_path / name, picture(width=10 + i, height=8))
    (tmp_path / "notes.txt").write_text("not an image")
    frames = list(iter(open_source(str(tmp_path)).read, None))
    assert [f.source for f in frames] == [f"{tmp_path.name}/{n}" for n in ("10.bmp", "9.PNG", "a.jpg", "b.png")]
    assert [f.width for f in frames] == [12, 13, 11, 10]
    assert np.diff([f.captured for f in frames]) == pytest.approx([PICTURE_SPACING] * 3)


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        pytest.param(np.full((6, 8), 77, np.uint8), (77, 77, 77), id="grey"),
        pytest.param(np.full((6, 8, 3), (10, 20, 30), np.uint8), (10, 20, 30), id="colour"),
        pytest.param(np.full((6, 8, 4), (10, 20, 30, 128), np.uint8), (132, 137, 142), id="alpha"),
        pytest.param(np.full((6, 8), 0x80FF, np.uint16), (0x80, 0x80, 0x80), id="grey, 16 bits"),
        pytest.param(np.full((6, 8, 3), (0x10FF, 0, 0xFFFF), np.uint16), (0x10, 0, 0xFF), id="colour, 16 bits"),
    ],
)
def test_images_of_any_kind_become_uint8_bgr(tmp_path, image, pixel):
    read = read_image(write_image(tmp_path / "image.png", image))
    assert (read.shape, read.dtype) == ((6, 8, 3), np.uint8)
    assert np.abs(read.astype(int) - pixel).max() <= 1, "16 bits may be rounded or cut"


@pytest.mark.parametrize(
    ("orientation", "shape", "bright"),
    [
        pytest.param(1, (16, 32), (0, 0), id="upright"),
        pytest.param(3, (16, 32), (15, 31), id="upside down"),
        pytest.param(6, (32, 16), (0, 15), id="turned right"),
        pytest.param(8, (32, 16), (31, 0), id="turned left"),
    ],
)
def test_photos_are_turned_as_their_exif_data_says(tmp_path, orientation, shape, bright):
    image = np.zeros((16, 32, 3), np.uint8)
    image[:8, :8] = 255
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    tag = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    app1 = b"Exif\0\0" + tag
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + jpeg[2:])
    read = read_image(path)
    assert read.shape == (*shape, 3)
    assert read[bright].min() > 200


@pytest.mark.parametrize("name", ["nowhere.png", "folder.png"])
def test_an_image_that_cannot_be_read(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=f"{name}: cannot be read"):
        read_image(tmp_path / name)


def test_paths_may_hold_any_character(tmp_path, write_clip):
    folder = tmp_path / "Bühne 1 – %d #2"
    folder.mkdir()
    assert open_source(str(write_clip(folder / "Gesicht ü.mp4"))).read().source == "Gesicht ü.mp4"
    assert open_source(str(write_image(folder / "a b.png", picture()))).read().source == "a b.png"


def test_a_camera_keeps_no_old_frames_in_its_driver(camera):
    source = open_source("0")
    assert camera[0].device == 0
    assert camera[0].settings == {cv2.CAP_PROP_BUFFERSIZE: 1}
    source.close()
    assert not camera[0].opened


def test_a_camera_is_asked_for_size_and_rate_and_what_it_gives_is_told(camera, caplog):
    caplog.set_level("INFO")
    open_source("0", Capture(size=(640, 480), fps=15.0)).close()
    asked = [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 640),
        (cv2.CAP_PROP_FRAME_HEIGHT, 480),
        (cv2.CAP_PROP_FPS, 15.0),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    assert list(camera[0].settings.items()) == asked, "the format before what depends on it"
    assert "camera 0 gives 64x48, an unknown format, 30 a second" in caplog.text


@pytest.mark.skipif(not Path("/dev").is_dir(), reason="cameras are no files here")
def test_a_camera_by_its_device_file(camera):
    assert open_source("/dev/video2").name == "/dev/video2"
    assert camera[0].device == "/dev/video2"


@pytest.mark.parametrize(
    ("spec", "devices"),
    [
        pytest.param("0", [], id="no camera at all"),
        pytest.param("3", ["/dev/video0"], id="another camera"),
        pytest.param("/dev/video7", ["/dev/video0"], id="by its file"),
    ],
)
def test_a_camera_that_is_not_there(monkeypatch, spec, devices):
    monkeypatch.setattr(v4l2, "camera_devices", lambda: devices)
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: FakeCapture(device, opened=False))
    with pytest.raises(UserError, match=f"{spec}: not a camera that gives pictures") as caught:
        open_source(spec)
    assert "plug one in" in caught.value.remedy
    assert "demo" in caught.value.remedy


@linux
def test_opencv_is_not_asked_for_a_camera_that_linux_does_not_show(monkeypatch):
    monkeypatch.setattr(v4l2, "camera_devices", lambda: ["/dev/video0"])
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: pytest.fail("OpenCV prints warnings then"))
    with pytest.raises(UserError, match="camera 1: not a camera that gives pictures"):
        CameraSource(1, Capture())


@pytest.mark.parametrize("damaged", [(0,), (4, 5, 9), range(3, 3 + MOST_DAMAGED - 1)], ids=["first", "some", "many"])
def test_damaged_pictures_of_a_camera_are_passed_over(monkeypatch, damaged):
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: FakeCapture(device, damaged=damaged))
    frames = list(iter(open_source("/dev/video0").read, None))
    assert len(frames) == FRAMES


def test_a_camera_that_gives_damaged_pictures_alone_is_none(monkeypatch):
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: FakeCapture(device, damaged=range(10**6)))
    with pytest.raises(UserError, match="not a camera that gives pictures"):
        open_source("/dev/video0")


@pytest.fixture
def device(tmp_path, monkeypatch):
    """The file of a camera that OpenCV gets no picture of."""
    path = tmp_path / "video0"
    path.touch()
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: FakeCapture(device, opened=False))
    return str(path)


@pytest.fixture
def busy(monkeypatch):
    """The kernel's answer to whoever would free another program's buffers."""

    def refuse(file, request, buffers):
        assert len(buffers) == request >> 16 & 0x3FFF, "the size that the request's number tells"
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("fcntl.ioctl", refuse)


HOLDING = "import sys; file = open(sys.argv[1]); print('open', flush=True); input()"


@linux
def test_a_camera_that_another_program_has_is_told_with_the_program(device, busy):
    command = [sys.executable, "-c", HOLDING, device]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(UserError, match=rf"{device}: in use by python\S* \(process {holder.pid}\): ") as caught:
            CameraSource(device, Capture())
        holder.communicate(b"\n")
    assert "--wait-for-camera" in caught.value.remedy


@linux
def test_a_camera_that_somebody_has_whom_this_user_may_not_see(device, busy):
    with pytest.raises(UserError, match=f"{device}: in use by a program of another user"):
        CameraSource(device, Capture())


@linux
def test_a_camera_that_this_user_may_not_open(device, monkeypatch):
    monkeypatch.setattr(v4l2.os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=f"{device}: this user may not open {device}") as caught:
        CameraSource(device, Capture())
    assert "usermod -aG video" in caught.value.remedy


@linux
def test_what_is_no_camera_is_nobodys(device):
    """A file knows no buffers: that it is asked for them tells nothing."""
    with pytest.raises(UserError, match=f"{device}: not a camera that gives pictures"):
        CameraSource(device, Capture())


@linux
def test_a_device_that_gives_no_picture_is_no_camera(monkeypatch):
    """Codecs and image processors of a board are video devices as well."""
    silent = FakeCapture(0)
    silent.left = 0
    monkeypatch.setattr(v4l2, "camera_devices", lambda: ["/dev/video0"])
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", lambda device: silent)
    with pytest.raises(UserError, match="camera 0: not a camera that gives pictures"):
        open_source("0")
    assert not silent.opened
