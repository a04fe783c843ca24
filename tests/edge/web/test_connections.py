"""Limits of strangers in the live page's process: connections, file descriptors, and time."""

import asyncio
import errno
import http.client
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

import h11

from edge.base.listen import free_port
from edge.base.settings import Options
from edge.outputs.prometheus import Metrics
from edge.web import bodies, connections, predict, server, token
from edge.web.connections import Parser
from edge.web.live_page import LivePage
from edge.web.rates import Rate

from ..certificates import self_signed
from ..patience import LONG, patiently
from ..stand_ins import ScriptedRecognizer
from .served import errors_of

ROOT = Path(__file__).parents[3]
TOKEN = "a-token-of-some-length"

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def serve(bundle, monkeypatch, tmp_path):
    """`with serve(...) as page:` runs a page on a free port of loopback."""
    monkeypatch.delenv(token.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def page(certificate=None, **options):
        return LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer()), certificate, **options)

    return page


@pytest.fixture
def certificate(tmp_path):
    return self_signed(tmp_path)


def port_of(live):
    return int(live.url.rstrip("/").rpartition(":")[2])


def connect(live, address="127.0.0.1"):
    return closing(socket.create_connection(("127.0.0.1", port_of(live)), LONG, (address, 0)))


def healthy(live, address="127.0.0.1"):
    """Return whether a client of this address is answered."""
    with connect(live, address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with suppress(ConnectionError):
            return connection.recv(12) == b"HTTP/1.1 200"
    return False


def ended(connection):
    """Wait for the end of a connection that the server ends; return what came before."""
    received = b""
    with suppress(ConnectionError):
        while data := connection.recv(4096):
            received += data
    return received


@pytest.fixture
def accepted(monkeypatch):
    """Sockets that were accepted, as `[socket]`."""
    sockets, connect_accepted = [], asyncio.BaseEventLoop.connect_accepted_socket

    def note(loop, make, connection, **options):
        sockets.append(connection)
        return connect_accepted(loop, make, connection, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "connect_accepted_socket", note)
    return sockets


class TestDoor:
    @pytest.mark.parametrize("secure", [False, True], ids=["plain", "in the handshake of TLS"])
    def test_no_more_connections_are_accepted_than_there_may_be(
        self, serve, certificate, monkeypatch, accepted, secure
    ):
        monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
        with serve(certificate if secure else None) as live, ExitStack() as stack:
            silent = [stack.enter_context(connect(live)) for _ in range(6)]
            patiently(lambda: len(accepted) == 3)
            silent[0].close()  # makes a place, for one
            patiently(lambda: len(accepted) == 4)
            assert sum(one.fileno() >= 0 for one in accepted) <= 3

    def test_who_waits_gets_the_place_of_a_silent_one(self, serve, monkeypatch):
        monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)
        monkeypatch.setattr(connections, "CLIENT_TIMEOUT", 0.2)
        with serve() as live, connect(live) as silent:
            assert healthy(live)
            assert ended(silent) == b""

    def test_one_address_leaves_places_to_others(self, serve, monkeypatch, accepted):
        monkeypatch.setattr(connections, "MOST_OF_ONE", 2)
        with serve() as live, connect(live), connect(live):
            patiently(lambda: len(accepted) == 2)
            assert not healthy(live)
            assert healthy(live, "127.0.0.2")

    def test_a_proxy_may_have_all_places(self, serve, monkeypatch, accepted):
        monkeypatch.setattr(connections, "MOST_OF_ONE", 2)
        with serve(proxied_as=["cam.example.org"]) as live, connect(live), connect(live):
            patiently(lambda: len(accepted) == 2)
            assert healthy(live)

    def test_one_address_may_not_come_too_often(self, serve, monkeypatch):
        monkeypatch.setattr(connections, "Rate", lambda a_second, at_once: Rate(a_second / 1e6, 3))
        with serve() as live:
            assert [healthy(live) for _ in range(4)] == [True] * 3 + [False]
            assert healthy(live, "127.0.0.2")

    def test_a_handshake_that_takes_too_long_gives_its_place_back(self, serve, certificate, monkeypatch, caplog):
        monkeypatch.setattr(connections, "HANDSHAKE_TIMEOUT", 0.2)
        monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        with serve(certificate) as live, connect(live) as silent, connect(live) as wrong:
            assert ended(silent) == b""
            wrong.sendall(b"GET / HTTP/1.1\r\n\r\n")
            ended(wrong)
            asking = http.client.HTTPSConnection("localhost", port_of(live), timeout=LONG, context=trusting)
            with closing(asking):
                asking.request("GET", "/healthz")
                assert asking.getresponse().status == 200
        assert caplog.records == []

    def test_without_file_descriptors_it_waits_and_tells_it_once(self, serve, monkeypatch, caplog):
        monkeypatch.setattr(connections, "RETRY", 0.01)
        accept, failures = asyncio.SelectorEventLoop.sock_accept, iter(range(5))

        async def fail(self, listener):
            if next(failures, None) is not None:
                raise OSError(errno.EMFILE, "Too many open files")
            return await accept(self, listener)

        monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_accept", fail)
        with serve() as live:
            assert healthy(live)
            assert errors_of(live) == 5
        (record,) = caplog.records
        assert "live page: [Errno 24] Too many open files; the run goes on" in record.getMessage()
        assert not record.exc_info


CROWDED = """
import os, resource, sys, time
from pathlib import Path
from edge.pipeline import feed, governor
from edge.pipeline.faults import Faults, Tolerated
from edge.outputs.prometheus import Metrics
from edge.base.settings import Options
from edge.pipeline.pipeline import Pipeline
from edge.web import connections
from edge.web.live_page import LivePage
from tests.edge.stand_ins import ScriptedRecognizer, ScriptedSource

feed.FROZEN_TIMEOUT = 1e9  # one picture is enough
governor.PERIOD = connections.RETRY = 0.1
port, bundle = int(sys.argv[1]), Path(sys.argv[2])
recognizer = ScriptedRecognizer()
statistics = recognizer.statistics
page = LivePage(("127.0.0.1", port), Options(model=bundle), Metrics(recognizer))
source = ScriptedSource(10**9, live=True, before_read=lambda i: time.sleep(0.01))
with page, Pipeline(source, recognizer, [Tolerated(page.only, Faults(statistics))]) as pipeline:
    next(iter(pipeline))
    limit = len(os.listdir("/proc/self/fd")) + 8  # fewer than the connections that are accepted
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print("ready", flush=True)
    sys.stdin.readline()
    while statistics.count_of("errors.live page") < 3:
        assert pipeline.poll(60)
    answered = statistics.count_of("frames")
    while statistics.count_of("frames") < answered + 50:
        assert pipeline.poll(60)
print(statistics.count_of("errors.live page"), flush=True)
"""


def test_a_run_outlives_strangers_who_take_all_file_descriptors(bundle):
    if not Path("/proc/self/fd").exists():
        pytest.skip("no way to count file descriptors here")
    port = free_port()
    command = [sys.executable, "-c", CROWDED, str(port), str(bundle)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
    with process, ExitStack() as stack:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        for _ in range(20):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), LONG)))
        out, log = process.communicate("all are there\n", LONG)
    assert process.returncode == 0, log
    assert int(out) >= 3
    assert log.count("Too many open files") < 6, log  # once for each place where one was missing


def head(*fields):
    return "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def parsed(pieces):
    """Count the pieces that a parser takes."""
    parser, taken = Parser(h11.SERVER), 0
    for piece in pieces:
        parser.receive_data(piece)
        try:
            while parser.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                pass
        except h11.RemoteProtocolError:
            break
        taken += 1
    return taken


def single(content):
    return [content[i : i + 1] for i in range(len(content))]


class TestParser:
    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param(single(head("X-Long: " + "x" * 1000)), id="the head"),
            pytest.param([head("Content-Length: 1000"), *single(b"x" * 1000)], id="the body"),
            pytest.param([head("Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * 1000], id="chunks"),
        ],
    )
    def test_crumbs_are_refused(self, pieces):
        assert parsed(pieces) < 100

    def test_so_are_crumbs_that_come_together(self):
        assert parsed([head("Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 1000]) == 0

    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param([head("Content-Length: 5000000"), *[b"x" * 1000] * 5000], id="packets"),
            pytest.param(
                [head("Transfer-Encoding: chunked"), *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 5000, b"0\r\n\r\n"],
                id="chunks of a kilobyte",
            ),
            pytest.param(single(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), id="a short head, as typed"),
        ],
    )
    def test_what_networks_do_is_taken(self, pieces):
        assert parsed(pieces) == len(pieces)


class TestBodies:
    @pytest.mark.parametrize(
        ("path", "fields", "status"),
        [
            pytest.param("/api/v1/predict", ["Host: localhost"], 401, id="no token"),
            pytest.param("/api/v1/predict", ["Host: evil.example"], 421, id="another name"),
            pytest.param("/api/v1/predict", ["Host: localhost", "Sec-Fetch-Site: cross-site"], 403, id="another site"),
            pytest.param("/nowhere", [f"Authorization: Bearer {TOKEN}", "Host: localhost"], 404, id="nowhere"),
            pytest.param("/events", [f"Authorization: Bearer {TOKEN}", "Host: localhost"], 405, id="wrong method"),
            pytest.param("/sign-in", ["Host: localhost"], 413, id="too large"),
        ],
    )
    def test_who_still_sends_when_it_is_refused_is_disconnected(self, serve, monkeypatch, path, fields, status):
        monkeypatch.setattr(bodies, "LINGER", 0.1)
        monkeypatch.setattr(connections, "CLIENT_TIMEOUT", LONG)
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        head = "\r\n".join([f"POST {path} HTTP/1.1", *fields, "Content-Length: 1000000", "", ""])
        with serve() as live, connect(live) as connection:
            connection.sendall(head.encode() + b"begun")
            answer = ended(connection)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"\r\nconnection: close\r\n" in answer.lower()

    def test_a_connection_whose_bodies_were_read_stays(self, serve):
        with serve() as live:
            asking = http.client.HTTPConnection("127.0.0.1", port_of(live), timeout=LONG)
            with closing(asking):
                for status in (415, 415):
                    asking.request("POST", "/api/v1/predict", b"no picture")
                    answer = asking.getresponse()
                    answer.read()
                    assert (answer.status, answer.will_close) == (status, False)

    def test_crumbs_end_the_connection_without_a_word(self, serve, monkeypatch, caplog):
        monkeypatch.setattr(connections, "CLIENT_TIMEOUT", LONG)
        with serve() as live, connect(live) as connection:
            request = "POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(request.encode() + b"1\r\nx\r\n" * 1000)
            assert ended(connection) == b""
            assert healthy(live)
        assert caplog.records == []

    def test_a_bad_chunk_after_the_answer_leaves_no_traceback(self, serve, caplog):
        with serve() as live, connect(live) as connection:
            request = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(12) == b"HTTP/1.1 404"
            with suppress(ConnectionError):
                connection.sendall(b"no chunk\r\n")
            ended(connection)
        assert caplog.records == []

    def test_pictures_that_are_not_wanted_are_not_received(self, serve, monkeypatch):
        monkeypatch.setattr(predict, "MOST_WAITING_PICTURES", 1)
        request = b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
        with serve() as live, connect(live) as first, connect(live) as second:
            first.sendall(request)
            patiently(lambda: live.predictor.waiting)
            second.sendall(request)
            assert second.recv(12) == b"HTTP/1.1 503"
            first.sendall(b"wrong")
            assert first.recv(12) == b"HTTP/1.1 415"
            assert not live.predictor.waiting


class TestBugs:
    def test_a_bug_is_told_once_with_its_traceback_and_counted(self, serve, monkeypatch, caplog):
        with serve() as live:
            monkeypatch.setattr(live.only.stats, "now", lambda: 1 + "1")
            for _ in range(3):
                with connect(live) as connection:
                    connection.sendall(b"GET /api/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert ended(connection).startswith(b"HTTP/1.1 500 ")
            assert errors_of(live) == 3
        (record,) = caplog.records
        assert record.exc_info[0] is TypeError

    def test_a_beat_that_fails_is_followed_by_others(self, serve, monkeypatch, caplog):
        monkeypatch.setattr(server, "STATISTICS_INTERVAL", 0.01)
        live = serve()
        monkeypatch.setattr(live.only, "beat", lambda: [][0])
        with live:
            patiently(lambda: errors_of(live) > 3)
            assert healthy(live)
        assert len(caplog.records) == 1
