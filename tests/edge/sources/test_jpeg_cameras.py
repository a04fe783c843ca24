"""Cameras that send JPEGs over HTTP, sound ones and hostile ones."""

import base64
import gzip
import hashlib
import logging
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.pipeline import feed
from edge.pipeline.feed import Feed
from edge.sources import http_client, network, open_source
from edge.sources.jpeg_cameras import MjpegSource, SnapshotSource

from ..certificates import self_signed
from ..http_camera import jpeg
from ..http_server import Answering, respond
from ..source_suite import Promise, SourceSuite
from ..stand_ins import picture

ROOT = Path(__file__).parents[3]
PICTURE = jpeg(picture((60, 60, 60)))
PART = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE + b"\r\n"
MJPEG = "multipart/x-mixed-replace; boundary=frame"

USER, WORD = "me", "pass:w@rd"


@pytest.fixture
def answering(request):
    """`answering(function)` starts a server whose answers the function makes."""
    started = []

    def start(answer):
        server = Answering(answer)
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        server.__exit__()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv(network.CAMERA_USER, USER)
    monkeypatch.setenv(network.CAMERA_PASSWORD, WORD)


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(network, "OPEN_TIMEOUT", 1.0)
    monkeypatch.setattr(network, "READ_TIMEOUT", 1.0)


def snapshot(handler):
    respond(handler, PICTURE, Content_Type="image/jpeg", Content_Length=str(len(PICTURE)))


def sending(*content, **headers):
    """An answer of pieces, one after the other, the last one until the other side has enough."""

    def answer(handler):
        respond(handler, b"".join(content[:-1]), **headers)
        while content[-1]:
            handler.wfile.write(content[-1])
        handler.rfile.read()  # nothing more comes, and the connection stays

    return answer


def refused(address, match):
    """See that a camera is refused, and return the error."""
    with pytest.raises(UserError, match=match) as caught:
        open_source(address)
    return caught.value


class TestSnapshots(SourceSuite):
    """A camera that gives one picture a request."""

    @pytest.fixture
    def opened(self, answering):
        server = answering(snapshot)
        source = open_source(server.address + "/shot?key=1", Capture(fps=50.0))
        return source, Promise(server.address + "/shot", True, 50.0, 5, None, endless=True)


def chunked(handler):
    handler.protocol_version = "HTTP/1.1"
    respond(handler, b"", Content_Type=MJPEG, Transfer_Encoding="chunked")
    while True:
        for piece in (PART[:50], PART[50:]):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(sending(PART, Content_Type=MJPEG), id="no lengths"),
        pytest.param(sending(PART, Content_Type='multipart/x-mixed-replace;boundary="--frame"'), id="quoted"),
        pytest.param(sending(PART, Content_Type="multipart/x-mixed-replace"), id="no boundary announced"),
        pytest.param(sending(PART, Content_Type="multipart/x-mixed-replace; boundary=other"), id="another boundary"),
        pytest.param(sending(b"--frame\r\n\r\n" + PICTURE, Content_Type=MJPEG), id="no headers of parts"),
        pytest.param(sending(PICTURE + b"\r\n--frame\r\n", Content_Type=MJPEG), id="boundary afterwards"),
        pytest.param(sending(PICTURE, Content_Type="video/x-motion-jpeg"), id="nothing between"),
        pytest.param(sending(PART), id="nothing announced"),
        pytest.param(chunked, id="in chunks"),
    ],
)
def test_all_forms_of_motion_jpeg_are_read(answering, answer):
    source = open_source(answering(answer).address)
    assert isinstance(source, MjpegSource)
    assert all(source.read().image.shape == (48, 64, 3) for _ in range(10))
    source.close()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content_Type": "image/jpeg"}, id="no length"),
        pytest.param({"Content_Type": "text/html", "Content_Length": str(len(PICTURE))}, id="another type"),
    ],
)
def test_all_forms_of_snapshots_are_read(answering, headers):
    source = open_source(answering(lambda handler: respond(handler, PICTURE, **headers)).address, Capture(fps=50.0))
    assert isinstance(source, SnapshotSource)
    assert source.read() is not None
    assert source.read() is not None
    source.close()


def test_a_camera_is_asked_at_the_rate_that_is_wanted(answering, monkeypatch):
    pauses = []
    monkeypatch.setattr("edge.sources.jpeg_cameras.time.sleep", pauses.append)
    for rate, pause in ((None, 0.5), (10.0, 0.1)):
        source = open_source(answering(snapshot).address, Capture(fps=rate))
        for _ in range(3):
            source.read()
        assert pauses[-1] == pytest.approx(pause, abs=0.09)


def test_a_camera_that_is_polled_is_no_news(answering, caplog, monkeypatch):
    """Neither that each picture is a connection of its own, nor that the scene stands still."""
    monkeypatch.setattr(feed, "FROZEN_TIMEOUT", 0.1)
    stop, numbers = threading.Event(), []

    def deliver(frame):
        numbers.append(frame.seq)
        if len(numbers) == 20:
            stop.set()

    address = answering(snapshot).address
    caplog.set_level(logging.INFO)
    Feed(open_source(address, Capture(fps=50.0)), lambda: open_source(address), stop, deliver).run()
    assert numbers == list(range(20))
    assert not caplog.records


def test_a_snapshot_camera_that_fails_is_lost(answering):
    answers = [snapshot, lambda handler: respond(handler, b"", 500)]
    source = open_source(answering(lambda handler: answers.pop(0)(handler)).address, Capture(fps=50.0))
    assert source.read() is not None
    assert source.read() is None
    source.close()


@pytest.mark.parametrize(
    ("answer", "rate", "match"),
    [
        pytest.param(sending(PART, Content_Type=MJPEG), 5.0, "whose rate the camera sets", id="a stream"),
        pytest.param(snapshot, 0.5, "too slow", id="too slow"),
    ],
)
def test_a_rate_that_cannot_be_had_is_refused(answering, answer, rate, match):
    with pytest.raises(UserError, match=match):
        open_source(answering(answer).address, Capture(fps=rate))


def basic(handler):
    known = base64.b64encode(f"{USER}:{WORD}".encode()).decode()
    if handler.headers.get("Authorization") == f"Basic {known}":
        return snapshot(handler)
    return respond(handler, b"", 401, WWW_Authenticate='Basic realm="camera"')


def digest(algorithm, hash_):
    def hashed(*parts):
        return hash_(":".join(parts).encode()).hexdigest()

    def answer(handler):
        said = handler.headers.get("Authorization", "")
        given = dict(part.strip().split("=", 1) for part in said.removeprefix("Digest ").split(",") if "=" in part)
        given = {key: value.strip('"') for key, value in given.items()}
        if given:
            secrets = hashed(USER, "camera", WORD), hashed("GET", handler.path)
            expected = hashed(secrets[0], "n", given["nc"], given["cnonce"], "auth", secrets[1])
            if given["response"] == expected:
                return snapshot(handler)
        challenge = f'Digest realm="camera", nonce="n", qop="auth", algorithm={algorithm}'
        return respond(handler, b"", 401, WWW_Authenticate=challenge)

    return answer


AUTHENTICATIONS = [
    pytest.param(basic, id="Basic"),
    pytest.param(digest("MD5", hashlib.md5), id="Digest"),
    pytest.param(digest("SHA-256", hashlib.sha256), id="Digest with SHA-256"),
]


@pytest.mark.parametrize("answer", AUTHENTICATIONS)
def test_credentials_of_the_environment_open_a_camera(answering, credentials, answer):
    source = open_source(answering(answer).address + "/a/shot.jpg?size=1", Capture(fps=50.0))
    assert source.read() is not None
    assert source.read() is not None
    source.close()


@pytest.mark.parametrize("answer", AUTHENTICATIONS)
def test_a_wrong_password_is_told_and_not_repeated(answering, credentials, monkeypatch, answer):
    monkeypatch.setenv(network.CAMERA_PASSWORD, "another")
    refusal = refused(answering(answer).address, "HTTP 401")
    assert "another" not in str(refusal)
    assert network.CAMERA_PASSWORD in refusal.remedy


def test_a_redirection_is_followed_without_credentials(answering, credentials):
    other = answering(snapshot)
    basic_there = answering(basic)
    moved = answering(lambda handler: respond(handler, b"", 302, Location=other.address + "/there"))
    source = open_source(moved.address, Capture(fps=50.0))
    source.close()
    assert [path for path, _ in other.asked] == ["/there"]
    moved = answering(lambda handler: respond(handler, b"", 302, Location=basic_there.address))
    refused(moved.address, "HTTP 401")
    assert not any("Authorization" in headers for _, headers in other.asked + basic_there.asked)


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/", "/round"])
def test_a_redirection_to_elsewhere_or_without_end_is_refused(answering, place):
    server = answering(lambda handler: respond(handler, b"", 302, Location=place))
    refused(server.address, "no video from this address")
    assert len(server.asked) < 20


def drip(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"a")
        time.sleep(0.05)


def drip_picture(handler):
    respond(handler, b"--frame\r\n\r\n" + PICTURE[:100], Content_Type=MJPEG)
    for byte in PICTURE[100:]:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-More: and more\r\n" * 1000)


def endless_line(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-More: ")
    while True:
        handler.wfile.write(b"a" * 100_000)


def announcing(length, **headers):
    """An answer that is said to be so long, and is not."""
    return sending(PICTURE[:100], b"", **{"Content_Type": "image/jpeg", **headers}, Content_Length=str(length))


SCAN = PICTURE.index(b"\xff\xda") + 14


def sized(width, height):
    """The picture with another size in its header."""
    at = PICTURE.index(b"\xff\xc0") + 5
    return PICTURE[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + PICTURE[at + 4 :]


HOSTILE = {
    "drips a header": drip,
    "drips a picture": drip_picture,
    "endless headers": endless_headers,
    "endless header of a part": sending(b"--frame\r\n", b"X-More: and more\r\n" * 1000, Content_Type=MJPEG),
    "endless part": sending(PICTURE[:SCAN], bytes(100_000), Content_Type=MJPEG),
    "endless snapshot": sending(PICTURE[:SCAN], bytes(100_000), Content_Type="image/jpeg"),
    "endless redirection": sending(bytes(100_000), status=302, Location="/"),
    "snapshot of ten terabytes": announcing(10**13),
    "snapshot of more bytes than there are addresses": announcing(2**70),
    "chunk of ten terabytes": sending(b"%x\r\n" % 10**13, b"", Content_Type="image/jpeg", Transfer_Encoding="chunked"),
    "chunk of more bytes than there are addresses": sending(
        b"f" * 20 + b"\r\n", b"", Content_Type="image/jpeg", Transfer_Encoding="chunked"
    ),
    "redirection of ten terabytes": announcing(10**13, status=302, Location="/"),
    "stream of ten terabytes": announcing(10**13, Content_Type=MJPEG),
    "file of ten terabytes": announcing(10**13, Content_Type="video/mp4"),
    "endless header line": endless_line,
    "nothing but damage": sending(b"--frame\r\n\r\n" + PICTURE[:60], Content_Type=MJPEG),
    "huge picture": sending(sized(65000, 65000), Content_Type=MJPEG),
    "huge snapshot": sending(sized(65000, 65000), b"", Content_Type="image/jpeg"),
    "compressed": sending(gzip.compress(bytes(10**7)), Content_Type=MJPEG, Content_Encoding="gzip"),
    "silent": lambda handler: handler.rfile.read(),
}


@pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in HOSTILE.items()])
def test_a_hostile_camera_is_given_up_in_time(answering, hurry, answer):
    refused(answering(answer).address, "no (video|picture) from this address")


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("name", ["endless headers", "endless part", "endless snapshot", "endless redirection"])
def test_a_hostile_camera_takes_no_memory(answering, name):
    program = """
import resource, sys
from edge.base.errors import UserError
from edge.sources import open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try: open_source(sys.argv[1])
except UserError: pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    command = [sys.executable, "-c", program, answering(HOSTILE[name]).address]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(200), "check in a browser", id="a PNG"),
        pytest.param(sized(30000, 30000), "smaller JPEGs", id="too many pixels"),
    ],
)
def test_smaller_pictures_are_the_remedy_for_large_ones_alone(answering, content, remedy):
    answer = sending(content, b"", Content_Type="image/jpeg", Content_Length=str(len(content)))
    assert remedy in refused(answering(answer).address, "no picture from this address").remedy


def test_one_damaged_or_huge_picture_among_sound_ones_is_passed_over(answering):
    source = open_source(answering(sending(PART + sized(65000, 65000) + PART[:300], Content_Type=MJPEG)).address)
    assert all(source.read().image.shape == (48, 64, 3) for _ in range(5))
    source.close()


@pytest.fixture
def encrypted(tmp_path):
    """A server with a certificate that it signed itself."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Answering(snapshot)
    server.encrypt(context)
    with server:
        yield server, certificate


def test_a_certificate_must_be_trusted(encrypted, monkeypatch):
    server, certificate = encrypted
    monkeypatch.delenv(http_client.CERT_FILE_VARIABLE, raising=False)
    refusal = refused(server.address, "certificate is not trusted")
    assert http_client.CERT_FILE_VARIABLE in refusal.remedy
    monkeypatch.setenv(http_client.CERT_FILE_VARIABLE, str(certificate))
    source = open_source(server.address)
    assert source.read() is not None
    source.close()
