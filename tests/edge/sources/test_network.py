"""Network cameras, served for real by FFmpeg and GStreamer on this machine where they are installed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.settings import Capture
from edge.sources import network, open_source
from edge.sources.decoder import NoVideo

from ..clips import shades, write_video
from ..http_camera import HttpCamera, jpeg
from ..patience import LONG, patiently
from ..source_suite import Promise, SourceSuite
from ..stand_ins import picture

ROOT = Path(__file__).parents[3]

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
        return patiently_opened(address), Promise(address, True, None, 10, None, (120, 160, 3), endless=True)

    def test_red_is_red(self, opened):
        assert_red(opened[0].read().image)


class TestHttpTrouble:
    """Servers that end, or send nothing more."""

    def test_a_server_that_is_killed_ends_the_stream(self, served):
        address, process = served()
        source = patiently_opened(address)
        process.kill()
        patiently(lambda: source.read() is None)
        source.close()

    def test_a_server_that_stops_sending_is_given_up(self, served, monkeypatch):
        monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)
        address, process = served()
        source = patiently_opened(address)
        process.send_signal(signal.SIGSTOP)
        patiently(lambda: source.read() is None)
        source.close()


class TestRtsp(SourceSuite):
    """A camera that sends H.264, by Debian's GStreamer server, which the system's own Python knows."""

    @pytest.fixture(params=["tcp", "udp"])
    def opened(self, request, rtsp_port):
        address = f"rtsp://127.0.0.1:{rtsp_port}/red"
        source = patiently_opened(address, Capture(rtsp_transport=request.param))
        return source, Promise(address, True, 25.0, 5, None, (120, 160, 3), endless=True)

    def test_red_is_red(self, opened):
        assert_red(self.frames(opened)[-1].image)


@pytest.fixture
def rtsp_port(rtsp_server):
    return rtsp_server[0]


@pytest.fixture
def rtsp_server(tmp_path):
    """The port of a server and its process, until the test is over."""
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
        yield port, server
    finally:
        server.kill()
        server.communicate()


def test_an_rtsp_camera_that_stops_sending_is_given_up(rtsp_server, monkeypatch):
    port, server = rtsp_server
    monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)
    source = patiently_opened(f"rtsp://127.0.0.1:{port}/red")
    server.send_signal(signal.SIGSTOP)
    patiently(lambda: source.read() is None)
    source.close()
    server.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp", "tcp"])
def test_nobody_there_is_told_at_once(scheme):
    address = f"{scheme.upper()}://127.0.0.1:{free_port()}/cam"
    with pytest.raises(UserError, match=r"no video from this address \(Connection refused") as caught:
        open_source(address + "?key=secret")
    assert address.replace(scheme.upper(), scheme) in caught.value.problem
    assert "secret" not in str(caught.value)


def silent(connection):
    connection.recv(1)  # until it has gone
    while connection.recv(4096):
        pass


def drip(connection):
    connection.recv(4096)
    connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.05)


def endless(connection):
    connection.recv(4096)
    connection.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")
    while True:
        connection.sendall(b"X-More: and more\r\n" * 1000)


def zeros(connection):
    while True:
        connection.sendall(bytes(65536))


def packets_of_nothing(connection):
    while True:
        connection.sendall((b"\x47\x01\x00\x10" + bytes(range(184))) * 300)


@pytest.fixture
def serving():
    """`serving(function)` listens for one connection, hands it to the function, and gives the port."""
    started = []

    def serve(function):
        server = socket.create_server(("127.0.0.1", 0))

        def run():
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    function(connection)

        thread = threading.Thread(target=run)
        started.append((server, thread))
        thread.start()
        return server.getsockname()[1]

    yield serve
    for server, thread in started:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(LONG)


@pytest.mark.parametrize("function", [silent, drip, endless, zeros, packets_of_nothing])
@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp"])
def test_a_hostile_server_is_given_up(serving, monkeypatch, scheme, function):
    monkeypatch.setattr(network, "OPEN_TIMEOUT", 0.3)
    monkeypatch.setattr(network, "READ_TIMEOUT", 0.3)
    with pytest.raises(UserError, match="no video from this address"):
        open_source(f"{scheme}://127.0.0.1:{serving(function)}/x")


ENDLESS = {
    "a.h264": bytes(65536),
    "a.ts": b"".join(b"\x47\x01\x00" + bytes([16 + i % 16]) + b"U" * 184 for i in range(320)),
}
"""A picture that never ends, in each kind of stream."""


@pytest.mark.skipif(sys.platform != "linux", reason="FFmpeg's memory has no limit elsewhere")
@pytest.mark.parametrize("name", ENDLESS)
def test_a_picture_without_end_takes_no_memory(serving, tmp_path, name):
    """In a process of its own, whose peak is its own."""
    start = write_video(tmp_path / name, shades(50), options={"g": "10"}).read_bytes()
    program = """
import resource, sys
from edge.sources import open_source
source = open_source(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
while source.read() is not None: pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""

    def send(connection):
        connection.sendall(start)
        while True:
            connection.sendall(ENDLESS[name])

    command = [sys.executable, "-c", program, f"tcp://127.0.0.1:{serving(send)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200


def test_a_stream_that_becomes_too_large_is_given_up(serving, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)
    monkeypatch.setattr(network, "MAX_STREAM_PIXELS", 64 * 48)
    small, large = (
        write_video(tmp_path / f"{width}.ts", shades(50, width, width * 3 // 4), options={"g": "10"}).read_bytes()
        for width in (64, 128)
    )

    def send(connection):
        connection.sendall(small)
        while True:
            connection.sendall(large)

    source = open_source(f"tcp://127.0.0.1:{serving(send)}")
    shapes = {frame.image.shape for frame in iter(source.read, None)}
    source.close()
    assert shapes == {(48, 64, 3)}


def test_nothing_at_a_port_of_udp_is_given_up(monkeypatch):
    """It may be written with a sign that looks like credentials."""
    monkeypatch.setattr(network, "OPEN_TIMEOUT", 0.5)
    with pytest.raises(UserError, match=r"no video from this address \(no answer in time"):
        open_source(f"udp://@127.0.0.1:{free_port()}")


@pytest.fixture
def site(tmp_path):
    """A web server with a folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(LONG)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Keep the test's output clean."""


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "list.m3u8"])
def test_a_video_on_another_machine_is_a_recording(site, name):
    folder, address = site
    container = {"movflags": "faststart"} if name == "clip.mp4" else {}
    write_video(folder / name, shades(50), options={"g": "10"}, container=container)
    source = open_source(f"{address}/{name}?key=1")
    frames = list(iter(source.read, None))
    assert (source.live, source.name, source.damage) == (False, f"{address}/{name}", None)
    assert len(frames) == 50
    assert frames[-1].captured - frames[0].captured == pytest.approx(49 / 25, abs=0.1)
    source.close()


def test_a_playlist_without_an_end_is_live(site):
    folder, address = site
    write_video(folder / "list.m3u8", shades(50), options={"g": "10"}, container={"hls_time": "1"})
    playlist = folder / "list.m3u8"
    playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST", ""))
    source = open_source(f"{address}/list.m3u8")
    assert source.live
    assert source.read() is not None
    source.close()


@pytest.mark.parametrize(("address", "reason"), [("http://", "URLError"), ("http://127.0.0.1/ü", "UnicodeEncodeError")])
def test_an_address_that_cannot_be_asked_is_told_by_the_kind_of_error(address, reason):
    with pytest.raises(UserError, match=rf"no video from this address \({reason}\)"):
        open_source(address)


@pytest.mark.parametrize("reached", ["file://{clip}", "{clip}", "concat:{clip}"])
def test_a_playlist_opens_no_file(site, tmp_path, reached):
    folder, address = site
    clip = write_video(tmp_path / "secret.ts", shades(50))
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    (folder / "list.m3u8").write_text(text.format(reached.format(clip=clip)))
    with pytest.raises(UserError, match="no video from this address"):
        open_source(f"{address}/list.m3u8")


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_transport_stream_is_read(serving, tmp_path, scheme):
    content = write_video(tmp_path / "clip.ts", shades(50), options={"g": "10"}).read_bytes()
    ended = threading.Event()

    def send(connection):
        with suppress(OSError):
            while not ended.wait(0.1):
                connection.sendall(content)

    port = serving(send) if scheme == "tcp" else free_port()
    sender = threading.Thread(target=send_packets, args=(content, port, ended))
    if scheme == "udp":
        sender.start()
    source = open_source(f"{scheme}://127.0.0.1:{port}")
    assert (source.live, source.total) == (True, None)
    assert [source.read().image.shape for _ in range(20)] == [(48, 64, 3)] * 20
    source.close()
    ended.set()
    if scheme == "udp":
        sender.join(LONG)


def send_packets(content, port, ended):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        at = 0
        while not ended.wait(0.005):
            sender.sendto(content[at : at + 1316], ("127.0.0.1", port))
            at = (at + 1316) % len(content)


def test_a_protocol_that_is_not_built_in_is_told(monkeypatch):
    def refuse(*arguments, **keywords):
        raise NoVideo("Protocol not found")

    monkeypatch.setattr(network, "Decoder", refuse)
    with pytest.raises(UserError, match="built without that protocol"):
        open_source("srt://10.0.0.1:9000")


@pytest.mark.parametrize("address", ["rtsp://me:secret@10.0.0.1/live?key=1", "http://me@10.0.0.1/"])
def test_credentials_are_refused_and_not_repeated(address):
    with pytest.raises(UserError, match="do not belong on a command line") as caught:
        open_source(address)
    assert "secret" not in str(caught.value)
    assert "key" not in str(caught.value)
    assert network.CAMERA_PASSWORD in caught.value.remedy


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_credentials_come_from_the_environment(monkeypatch, scheme):
    asked = []

    def refuse(address, *arguments, **keywords):
        asked.append(address)
        raise NoVideo("Connection refused")

    monkeypatch.setattr(network, "Decoder", refuse)
    monkeypatch.setenv(network.CAMERA_USER, "me")
    monkeypatch.setenv(network.CAMERA_PASSWORD, "p@ss/word")
    with pytest.raises(UserError) as caught:
        open_source(f"{scheme}://10.0.0.1:554/live")
    assert asked == [f"{scheme}://me:p%40ss%2Fword@10.0.0.1:554/live"]
    assert "p@ss" not in str(caught.value)
    assert caught.value.__cause__ is None


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
    from edge.pipeline.pipeline import Pipeline

    from ..stand_ins import ScriptedRecognizer

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


def test_pictures_that_change_their_size_are_read(http_camera):
    source = open_source(http_camera.address)
    assert source.read().image.shape == (48, 64, 3)
    http_camera.pictures = [jpeg(picture((level,) * 3, 128, 96)) for level in (200, 220)]
    patiently(lambda: source.read().image.shape == (96, 128, 3))
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_camera_that_restarts_is_found_again(served, no_threads_left, monkeypatch):
    """Through the whole pipeline: the stream goes on, and the statistics tell of the gap."""
    from edge.pipeline.pipeline import Pipeline

    from ..stand_ins import ScriptedRecognizer

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
