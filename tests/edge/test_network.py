"""Network cameras, served for real by FFmpeg and GStreamer on this machine where they are installed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import UserError
from edge.options import Capture
from edge.sources import network, open_source

from .http_camera import HttpCamera, jpeg
from .patience import patiently
from .source_suite import Promise, SourceSuite
from .stand_ins import free_port, picture

RTSP_SERVER = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory(); factory.set_shared(True)
factory.set_launch("( videotestsrc is-live=true pattern=red ! video/x-raw,width=160,height=120,framerate=25/1"
                   " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25"
                   " ! rtph264pay name=pay0 pt=96 config-interval=1 )")
server.get_mount_points().add_factory("/red", factory)
server.attach(None); print("ready", flush=True); GLib.MainLoop().run()
"""


@pytest.fixture
def clip(tmp_path):
    """Red on the left, and on the right a grey that changes."""
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for i in range(50):
        image = np.full((120, 160, 3), (0, 0, 255), np.uint8)
        image[:, 80:] = 5 * i
        writer.write(image)
    writer.release()
    return tmp_path / "clip.avi"


@pytest.fixture
def served(clip):
    """`served()` starts a server and gives its address and process; all are gone when the test is over."""
    if not (ffmpeg := shutil.which("ffmpeg")):
        pytest.skip("FFmpeg's program is not installed here")
    processes = []

    def serve(port=None):
        address = f"http://127.0.0.1:{port or free_port()}/cam.mjpg"
        options = "-loglevel error -re -stream_loop -1 -i CLIP -an -c:v mjpeg -q:v 4 -f mpjpeg -listen 1"
        command = [ffmpeg, *(str(clip) if word == "CLIP" else word for word in options.split()), address]
        processes.append(subprocess.Popen(command))
        return address, processes[-1]

    yield serve
    for process in processes:
        process.kill()
        process.wait()


def patiently_opened(address, capture=None, attempts=50):
    """The source, once the server listens."""
    for _ in range(attempts):
        try:
            return open_source(address, capture)
        except UserError:
            time.sleep(0.1)
    return open_source(address, capture)


def assert_red(image):
    blue, green, red = image[10:-10, 10:60].mean(axis=(0, 1))
    assert (blue, green) < (60, 60)
    assert red > 180


class TestHttp(SourceSuite):
    """A camera that sends MJPEG."""

    @pytest.fixture
    def opened(self, served):
        address, _ = served()
        return patiently_opened(address), Promise(address, True, 25.0, 10, None, (120, 160, 3), endless=True)

    def test_red_is_red(self, opened):
        assert_red(opened[0].read().image)


class TestHttpTrouble:
    """Servers that end, or send nothing more."""

    def test_a_server_that_is_killed_ends_the_stream(self, served):
        address, process = served()
        source = patiently_opened(address)
        process.kill()
        started = time.monotonic()
        while source.read() is not None:
            assert time.monotonic() - started < 10
        source.close()

    def test_a_server_that_stops_sending_is_given_up(self, served, monkeypatch):
        monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)
        address, process = served()
        source = patiently_opened(address)
        process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        while source.read() is not None:
            assert time.monotonic() - started < 10
        assert time.monotonic() - started < 5
        source.close()


def test_what_is_said_to_network_cameras_is_not_said_to_files(monkeypatch):
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    with pytest.raises(UserError):
        open_source(f"http://127.0.0.1:{free_port()}/cam.mjpg")
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ


class TestRtsp(SourceSuite):
    """A camera that sends H.264, by Debian's GStreamer server, which the system's own Python knows."""

    @pytest.fixture(params=["tcp", "udp"])
    def opened(self, request, rtsp_port):
        address = f"rtsp://127.0.0.1:{rtsp_port}/red"
        source = patiently_opened(address, Capture(rtsp=request.param))
        return source, Promise(address, True, 25.0, 5, None, (120, 160, 3), endless=True)

    def test_red_is_red(self, opened):
        assert_red(self.frames(opened)[-1].image)


@pytest.fixture
def rtsp_port(tmp_path):
    """Where a server listens, until the test is over."""
    python, port = "/usr/bin/python3", str(free_port())
    (tmp_path / "server.py").write_text(RTSP_SERVER)
    if not Path(python).exists():
        pytest.skip("no system Python here")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GLIBC"))}
    server = subprocess.Popen(
        [python, str(tmp_path / "server.py"), port],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        if server.stdout.readline() != "ready\n":
            pytest.skip(f"no GStreamer RTSP server here ({server.stderr.read().strip().splitlines()[-1:]})")
        yield port
    finally:
        server.kill()
        server.communicate()


def test_nobody_there_is_told_at_once():
    address = f"http://127.0.0.1:{free_port()}/cam.mjpg"
    started = time.monotonic()
    with pytest.raises(UserError, match="no video from there") as caught:
        open_source(address)
    assert time.monotonic() - started < 2 * network.OPEN_TIMEOUT
    assert address in caught.value.problem


def test_somebody_who_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(network, "OPEN_TIMEOUT", 1.0)
    monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(UserError, match="no video from there"):
            open_source(f"http://127.0.0.1:{mute.getsockname()[1]}/cam.mjpg")
        assert time.monotonic() - started < 8


@pytest.mark.parametrize("address", ["rtsp://me:secret@10.0.0.1/live?key=1", "http://me@10.0.0.1/"])
def test_credentials_are_refused_and_not_repeated(address):
    with pytest.raises(UserError, match="do not belong on a command line") as caught:
        open_source(address)
    assert "secret" not in str(caught.value)
    assert "key" not in str(caught.value)
    assert network.PASSWORD in caught.value.remedy


def test_credentials_come_from_the_environment(monkeypatch):
    asked = []

    class Silent:
        def __init__(self, address, *rest):
            asked.append(address)

        def grab(self):
            return False

        def release(self):
            pass

    monkeypatch.setattr(network.cv2, "VideoCapture", Silent)
    monkeypatch.setenv(network.USER, "me")
    monkeypatch.setenv(network.PASSWORD, "p@ss/word")
    with pytest.raises(UserError) as caught:
        open_source("rtsp://10.0.0.1:554/live")
    assert asked == ["rtsp://me:p%40ss%2Fword@10.0.0.1:554/live"]
    assert "p@ss" not in str(caught.value)


@pytest.fixture
def http_camera():
    camera = HttpCamera([jpeg(picture((level,) * 3)) for level in (60, 120)])
    yield camera
    camera.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="cut off"),
        pytest.param(lambda data: data[:2] + bytes(500), id="empty"),
    ],
)
def test_damaged_pictures_in_between_end_nothing(http_camera, no_threads_left, damage):
    """A stream may end at them, where FFmpeg will have it so; the run finds it again, and sound pictures go on."""
    from edge.pipeline import Pipeline

    from .stand_ins import ScriptedRecognizer

    sound = http_camera.pictures
    with Pipeline(
        open_source(http_camera.address), ScriptedRecognizer(), reopen=lambda: open_source(http_camera.address)
    ) as pipeline:
        results = (result.frame for result in pipeline)
        next(results)
        http_camera.pictures = [sound[0], damage(sound[1])]
        sent = http_camera.sent
        patiently(lambda: next(results) and http_camera.sent > sent + 10)
        http_camera.pictures = sound
        levels = {round(next(results).image[10:-10, 10:-10].mean()) for _ in range(20)}
        pipeline.stop()
    assert levels >= {60, 120}


def test_pictures_that_change_their_size_keep_the_size_of_the_first_or_are_still(http_camera):
    """OpenCV 5 gives them in the size of the first; OpenCV 4 its last picture over and over, which counts as frozen."""
    source = open_source(http_camera.address)
    assert source.read().image.shape == (48, 64, 3)
    sent = http_camera.sent
    http_camera.pictures = [jpeg(picture((level,) * 3, 128, 96)) for level in (200, 220)]
    patiently(lambda: source.read() and http_camera.sent > sent + 20)
    images = [source.read().image for _ in range(5)]
    source.close()
    assert {image.shape for image in images} == {(48, 64, 3)}
    if int(cv2.__version__.split(".")[0]) >= 5:
        assert min(image.mean() for image in images) > 190
    else:
        assert all((image == images[0]).all() for image in images)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_camera_that_restarts_is_found_again(served, no_threads_left, monkeypatch):
    """Through the whole pipeline: the stream goes on, and the statistics tell of the gap."""
    from edge.pipeline import Pipeline

    from .stand_ins import ScriptedRecognizer

    address, process = served()
    port = int(address.split(":")[2].split("/")[0])
    numbers = []
    with Pipeline(patiently_opened(address), ScriptedRecognizer(), reopen=lambda: open_source(address)) as pipeline:
        for result in pipeline:
            numbers.append(result.frame.seq)
            if len(numbers) == 5:
                process.kill()
                process.wait()
                served(port)
            if pipeline.statistics.summary()["counts"].get("source.back"):
                pipeline.stop()
    assert len(numbers) > 5
    assert numbers == sorted(numbers)
    assert pipeline.statistics.summary()["counts"]["source.lost"] >= 1
