"""Odd requests to the live page and the metrics of a run."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import quote

import cv2
import numpy as np

from edge.base.listen import free_port
from edge.outputs.rules.album import Shot, with_shot
from edge.outputs.store.database import open_database
from tests.edge.patience import LONG, patiently

from .harness import ACCEPTED, BUG, REFUSED, ROOT, Outcome, memory_mb
from .mutations import NUMBERS, damage

TOKEN = "a-token-of-some-length"

MOST_MB = 512
"""Resident memory of the run at most."""

MOST_HELD = 40
"""Connections that are held open at one time; the page takes 64, and all others wait."""

PATHS = (
    *("/", "/api", "/openapi.json", "/stream.mjpg", "/events", "/api/v1/latest", "/api/v1/stats", "/healthz"),
    *("/api/v1/history?from=-1h", "/api/v1/predict", "/metrics", "/sign-in", "/static/palette.css", "/static/page.js"),
    *("/static/", "/favicon.ico"),
    *("/static/../../../etc/passwd", "/static/..%2f..%2fapp.py", "/static/%00", "//", "*", "http://elsewhere/", "/%ff"),
    *("/" + "a" * 70_000, "/?" + "a=b&" * 5000, "/api/v1/stats?x=\u00e9", "/static/" + "%2e%2e/" * 50, ""),
)
SOUND = 14
"""The first of `PATHS` lead somewhere."""

METHODS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "TRACE",
    "CONNECT",
    "get",
    "X" * 300,
)
SOUND_METHODS = 6
"""The first of `METHODS` are those that something answers to."""

VERSIONS = ("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "", "HTTP/1.1 HTTP/1.1")
SURE = f"Bearer {TOKEN}"
HEADERS: dict[str, tuple[str, ...]] = {
    "Host": ("localhost", "127.0.0.1", "[::1]", "[", "elsewhere.example", "", "a" * 5000, "127.0.0.1:99999", "\u00e9"),
    "Accept": ("text/html", "*/*", "text/event-stream", "a/b;q=" + "9" * 400, "application/openmetrics-text;version=x"),
    "Accept-Encoding": ("gzip", "identity", "gzip;q=nan", "," * 1000),
    "Authorization": (
        SURE,
        "Bearer",
        "Bearer wrong",
        "Basic !!!",
        "Basic OmE=",
        "Basic " + "A" * 9000,
        "Digest x",
        "\u00ff",
    ),
    "Cookie": ("a=b", "emotion-edge=x; " * 300, "=;=;", '"', "emotion-edge-8080=\u00e9"),
    "Content-Length": (
        "0",
        "1",
        "10",
        "-1",
        "+5",
        "1e3",
        "99999999999999999999",
        "8388609",
        "0x10",
        " ",
        "5, 5",
        "\u0665",
    ),
    "Transfer-Encoding": ("chunked", "Chunked", "chunked, chunked", "gzip, chunked", "identity", "x", " chunked"),
    "Content-Type": ("image/jpeg", "application/x-www-form-urlencoded", "multipart/form-data; boundary=", "x" * 3000),
    "Connection": ("close", "keep-alive", "Upgrade, HTTP2-Settings", "upgrade", "x"),
    "Upgrade": ("h2c", "websocket"),
    "Expect": ("100-continue", "200-ok"),
    "Range": ("bytes=0-", "bytes=-1", "bytes=5-1", "bytes=0-0,1-1," * 200, "lines=1", "bytes=99999999999999999999-"),
    "If-Range": ('"x"', "Sat, 99 Foo 2099 99:99:99 GMT"),
    "If-None-Match": ("*", '"', "W/" * 500),
    "If-Modified-Since": ("Sat, 99 Foo 2099 99:99:99 GMT", "0", "Thu, 01 Jan 99999 00:00:00 GMT"),
    "Origin": ("http://localhost", "http://elsewhere", "null", "http://[", "\u00e9"),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "none", "x"),
    "Sec-Fetch-Mode": ("navigate", "cors", "x"),
    "X-Forwarded-For": ("10.0.0.1", "x" * 9000),
    "X-Odd": ("a\tb", "a\0b", "a\rb", "a\r\n b", "\x7f", "x" * 60_000),
    "": ("", "x"),
    "Bad Name": ("x",),
}

ORDERLY = [
    name for name in HEADERS if name not in ("", "Bad Name", "Host", "Content-Length", "Transfer-Encoding", "X-Odd")
]
"""Headers that leave a request in order, whatever their values."""

TIMES = (
    *("-1h", "-30d", "-31d", "-0s", "-999999999w", "-1e3h", "-.5h", "--1h", "-1.9999999999h", "-1h-1h", "-\u0663h"),
    *("2025-11-22", "2025-11-22T10:00", "0001-01-01", "9999-12-31T23:59:59", "9999-12-31T23:59:59-23:59"),
    *("0001-01-01T00:00:00+23:59", "1970-01-01", "2025-02-30", "2025-W01-1", "20251122T10", "now", "nan", "1e308"),
    *("", " ", "\0", "'", "%", "9" * 400, "-" + "9" * 5000 + "h", "2025-11-22T10:00:00.000000000001"),
)
STEPS = ("60", "3600", "1", "0", "-1", "1.5", "1e9", "9" * 20, "9" * 400, "9" * 5000, "\u0663", "\u00b2", "", "nan")
CAMERAS = ("clip", "", "' OR 1=1 --", "%", "\0", "a" * 9000, "\ud7ff", "\U0010ffff", "\r\nX: y", '"]}')
QUERY = {"from": TIMES, "camera": CAMERAS, "step": STEPS, "to": TIMES[::-1], "x": TIMES}
"""Fields of a question to the history, and their values."""

SNAPSHOT = "20251122-090000-clip-visitor.jpg"
NAMES = (
    *(SNAPSHOT, SNAPSHOT.upper(), "20251122-090000-.jpg", "20251122-090000-link.jpg", "20251122-090000-pipe.jpg"),
    *("20251122-090000-mine.jpg", "../history.db", "..%2fhistory.db", "%2e%2e%2fhistory.db", "..", ".", "", "%00"),
    *(SNAPSHOT + "%00", SNAPSHOT + "/", SNAPSHOT + "%2f", "..\\history.db", "%ff%fe", "a" * 60_000),
    *("20251122-090000-%0a.jpg", "20251122-090000-" + "a" * 300 + ".jpg", "\u0662" * 8 + "-090000-a.jpg"),
    *("20251122-090000-/../../history.db", "20251122-090000-%2f..%2f..%2fhistory.db"),
)
FOLDERS = ("0", "1", "-1", "00", "\u0660", "9" * 5000, "0x0", "..", "%30", "")
"""Names of snapshots and numbers of their folders, as in their addresses."""

WAITS = {"read": 0.1, "half": 0.1, "hold": 0.02}
"""Seconds for which an answer is waited for, by how a connection ends: many wait for the rest of a request."""

TLS_HELLO = bytes.fromhex("160301 0200 010001fc 0303".replace(" ", "")) + bytes(range(256)) * 2
BEGINNINGS = (TLS_HELLO, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 3000, b"\r\n" * 2000, b"SSH-2.0-x\r\n", b"GET")


class LivePages:
    """A run on a clip that plays in a loop, with page and metrics, in a process of its own.

    An input is a connection: JSON of the address it comes from, which of the two servers it goes to, what is sent,
    piece by piece, as Latin-1, and how it ends.
    """

    name, share = "http", 0.4

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._web, self._metrics = free_port(), free_port()
        self._errors = Path(self._folder.name) / "errors"
        self._held: deque[socket.socket] = deque()
        self._bodies = _bodies()

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        _keep_something(folder)
        config = folder / "run.toml"
        config.write_text(CONFIG.format(folder=folder))
        command = [sys.executable, "-m", "edge", "run", str(_clip(folder)), "--config", str(config), "--loop"]
        command += ["--model", "models/nano", "--web", f"127.0.0.1:{self._web}"]
        command += ["--metrics", f"127.0.0.1:{self._metrics}"]
        environment = os.environ | {"EMOTION_EDGE_WEB_TOKEN": TOKEN}
        with self._errors.open("ab") as errors:
            self._run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        patiently(self._frames, LONG)
        self._warm_up()
        self._last, self._open = self._frames(), self._descriptors()
        return self

    def __exit__(self, *error: object) -> None:
        self._let_go()
        self._run.kill()
        self._run.wait()
        self._folder.cleanup()

    def make(self, random: Random) -> bytes:
        orderly = random.random() < 0.5
        pieces = b"".join(self._request(random, orderly=orderly) for _ in range(random.choice((1, 1, 1, 1, 2, 5))))
        if not orderly and random.random() < 0.15:
            pieces = random.choice(BEGINNINGS) + pieces
        if not orderly and random.random() < 0.5:
            pieces = damage(pieces, random)
        connection = {
            "from": f"127.{random.randrange(1, 200)}.{random.randrange(256)}.{random.randrange(1, 255)}",
            "to": random.choice(("web", "web", "web", "web", "metrics")),
            "send": [piece.decode("latin-1") for piece in _cut_up(pieces, random)],
            "then": random.choice(("read", "read", "read", "read", "half", "end", "reset", "hold")),
        }
        return json.dumps(connection).encode()

    def give(self, content: bytes) -> Outcome:
        started, connection = time.monotonic(), json.loads(content)
        answer = self._sent(connection)
        seconds, peak = time.monotonic() - started, memory_mb(self._run.pid, "VmHWM")
        if answer[9:10] == b"5" and answer[9:12] != b"503" and answer[9:12] not in (b"501", b"505"):
            return Outcome(BUG, repr(answer[:100]), peak, seconds)
        return Outcome(ACCEPTED if answer[9:10] in (b"2", b"3") else REFUSED, "", peak, seconds)

    def check(self) -> Iterator[str]:
        """See that the run lives, goes on, says nothing, and gave back what it took."""
        self._let_go()
        if self._run.poll() is not None:
            yield f"the run ended with status {self._run.returncode}: {self._said()[-2000:]}"
            self.__enter__()
            return
        if not _comes(lambda: self._frames() > self._last):
            yield "no frames go on"
        self._last = self._frames()
        if said := self._said():
            yield f"it said: {said[:3000]}"
            self._errors.write_bytes(b"")
        if (peak := memory_mb(self._run.pid, "VmHWM")) > MOST_MB:
            yield f"memory: {peak:.0f} MB"
        if not _comes(lambda: self._descriptors() <= self._open):
            yield f"file descriptors: {self._open} before, {self._descriptors()} after"
            self._open = self._descriptors()

    def stop(self) -> int:
        """End the run as a user does; its exit status."""
        self._let_go()
        self._run.send_signal(signal.SIGTERM)
        return self._run.wait(LONG)

    def _request(self, random: Random, *, orderly: bool) -> bytes:
        """Make a request: an orderly one by the grammar of HTTP, any other as it comes."""
        method, path, version = random.choice(METHODS), self._path(random, orderly=orderly), random.choice(VERSIONS)
        if orderly:
            method, version = random.choice(METHODS[:SOUND_METHODS]), "HTTP/1.1"
        body = random.choice(self._bodies) if random.random() < 0.1 else b""
        if body and random.random() < 0.9:
            method, path = "POST", "/sign-in" if body.startswith(b"token") else "/api/v1/predict"
        headers = [("Host", "localhost")] * (random.random() < 0.95)
        headers += [("Authorization", SURE)] * (random.random() < 0.8)
        names = ORDERLY if orderly else list(HEADERS)
        headers += [
            (name, random.choice(HEADERS[name])) for name in random.choices(names, k=random.choice((0, 0, 1, 3)))
        ]
        if body:
            body = damage(body, random) if random.random() < 0.7 else body
            headers += [("Content-Length", str(len(body)))] * (orderly or random.random() < 0.8)
        elif random.random() < 0.1:
            headers.append(("Transfer-Encoding", "chunked"))
            body = _chunks(random)
        headers *= 1 if orderly else random.choice((1,) * 20 + (2, 150))
        head = f"{method} {path} {version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        return (head + "\r\n").encode("latin-1", "replace") + body

    def _path(self, random: Random, *, orderly: bool) -> str:
        return random.choice(PATHS[:SOUND] if orderly else PATHS)

    def _sent(self, connection: dict[str, Any]) -> bytes:
        """Open a connection, send, and read a little of the answer."""
        port = self._web if connection["to"] == "web" else self._metrics
        answer = b""
        client = socket.socket()
        with suppress(OSError):
            client.settimeout(2)
            client.bind((connection["from"], 0))
            client.connect(("127.0.0.1", port))
            for piece in connection["send"]:
                client.sendall(piece.encode("latin-1"))
            if connection["then"] == "half":
                client.shutdown(socket.SHUT_WR)
            if connection["then"] in WAITS:
                client.settimeout(WAITS[connection["then"]])
                answer = client.recv(4096)
        if connection["then"] == "hold":
            self._hold(client)
            return answer
        if connection["then"] == "reset":
            with suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        return answer

    def _hold(self, client: socket.socket) -> None:
        self._held.append(client)
        if len(self._held) > MOST_HELD:
            self._held.popleft().close()

    def _let_go(self) -> None:
        while self._held:
            self._held.popleft().close()

    def _frames(self) -> int:
        """Frames answered so far by the metrics; 0 where they cannot be had."""
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=5) as answer,
        ):
            for line in answer.read().decode().splitlines():
                if line.startswith("emotion_edge_frames_answered_total "):
                    return int(float(line.split()[1]))
        return 0

    def _warm_up(self) -> None:
        """Have it load what it loads with the first picture."""
        address, headers = f"http://127.0.0.1:{self._web}/api/v1/predict", {"Authorization": SURE}
        request = urllib.request.Request(address, self._bodies[0], headers)
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            assert answer.status == 200

    def _descriptors(self) -> int:
        with suppress(OSError):
            return len(list(Path(f"/proc/{self._run.pid}/fd").iterdir()))
        return 0

    def _said(self) -> str:
        """Return the run's lines on stderr, but for the line of its address."""
        lines = self._errors.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("live page: "))


class Questions(LivePages):
    """The same run, asked for its history and for snapshots of its rule.

    Its history has an hour of faces; its folder a snapshot, a picture of somebody else, a link and a pipe.
    """

    name, share = "history", 0.2

    def _path(self, random: Random, *, orderly: bool) -> str:
        if random.random() < 0.3:
            path = f"/api/v1/snapshots/{_often_first(FOLDERS, random)}/{_often_first(NAMES, random)}"
            return quote(path, safe="%/") if orderly else path
        keys = random.choices(list(QUERY), k=random.choice((0, 1, 1, 2, 2, 3, 9)))
        quoted = quote if orderly else random.choice((quote, str, str.upper))
        fields = [f"{key}={quoted(_often_first(QUERY[key], random))}" for key in keys]
        return "/api/v1/history?" + random.choice("&&&;").join(fields)


def _often_first(values: Sequence[str], random: Random) -> str:
    """Return the first value, which leads somewhere, half the time."""
    return values[0] if random.random() < 0.5 else random.choice(values)


CONFIG = """
[store]
path = "{folder}/history.db"

[[rule]]
name = "visitor"
when = "face_appeared"
snapshot.folder = "{folder}/snapshots"
snapshot.keep_days = 100000
"""


def _keep_something(folder: Path) -> None:
    """Write an hour of history, and what may be in a folder of snapshots."""
    now = int(time.time())
    with closing(open_database(folder / "history.db")) as connection, connection:
        connection.execute("INSERT OR IGNORE INTO class_lists (names) VALUES ('[\"happy\"]')")
        rows = [(now - second, "clip", 1, "happy", 0.9, 10) for second in range(3600)]
        connection.executemany("INSERT OR IGNORE INTO faces VALUES (?, ?, ?, ?, ?, ?, 1, '[1.0]')", rows)
    snapshots = folder / "snapshots"
    snapshots.mkdir(exist_ok=True)
    jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    (snapshots / SNAPSHOT).write_bytes(with_shot(jpeg, Shot(float(now), "clip", "visitor", "face_appeared", 1)))
    (snapshots / "20251122-090000-mine.jpg").write_bytes(jpeg)
    for name, make in (("link", partial(os.symlink, "/etc/passwd")), ("pipe", os.mkfifo)):
        with suppress(FileExistsError):
            make(snapshots / f"20251122-090000-{name}.jpg")


def _comes(asked: Any, seconds: float = 30) -> bool:
    with suppress(AssertionError):
        return bool(patiently(asked, seconds))
    return False


def _clip(folder: Path) -> Path:
    """Half a second of noise, in which there is no face."""
    path, noise = folder / "clip.avi", np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for _ in range(5):
        writer.write(noise.integers(90, 130, (120, 160, 3), np.uint8))
    writer.release()
    return path


def _bodies() -> tuple[bytes, ...]:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    pictures = (cv2.imencode(suffix, noise)[1].tobytes() for suffix in (".jpg", ".png", ".webp"))
    return (*pictures, b"token=" + TOKEN.encode(), b"token=wrong", b"{}", bytes(5000), b"token=%ff&" * 300)


def _chunks(random: Random) -> bytes:
    """A body in chunks, of which some lie about their length."""
    parts = []
    for _ in range(random.randint(0, 4)):
        data = random.randbytes(random.choice((0, 1, 100, 5000)))
        size = random.choice(
            (f"{len(data):x}", f"{len(data):x}", f"{random.choice(NUMBERS):x}", "-1", "x", ";a=b", "f" * 40)
        )
        parts.append(size.encode() + b"\r\n" + data + b"\r\n")
    return b"".join(parts) + random.choice((b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"0\r\n" + b"X: y\r\n" * 5000))


def _cut_up(content: bytes, random: Random) -> list[bytes]:
    """Cut into the pieces that are sent; at times the last is missing."""
    places = sorted(random.randrange(len(content) + 1) for _ in range(random.choice((0, 0, 0, 1, 3))))
    edges = [0, *places, len(content)]
    pieces = [content[start:end] for start, end in pairwise(edges)]
    return pieces[:-1] if len(pieces) > 1 and random.random() < 0.3 else pieces
