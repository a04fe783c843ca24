"""Webhooks whose servers stall, fail, redirect or drip."""

import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.settings import Webhook
from edge.outputs.rules import webhook
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.webhook import CallWebhook

from ...certificates import self_signed
from ...patience import LONG

TRIGGER = Trigger("smile", "expression", 1000.1234, "porch", face=3, expression="happy", confidence=0.91234)
SECRET = "a-secret-of-some-length"


class Hook:
    """A server that answers each POST by the next of its answers, the last one again and again."""

    def __init__(self, *answers):
        self.asked, self.gone = [], threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                hook.asked.append((self.path, dict(self.headers), content))
                try:
                    answers[min(len(hook.asked), len(answers)) - 1](self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(LONG)


def status(code, **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(webhook, "RETRY_PAUSES", (0.01, 0.01, 0.01))


def call(address, secret=None, stop=None, **settings):
    action = CallWebhook(address, Webhook(address, **settings), secret)
    action.run(TRIGGER, stop or threading.Event())


def test_the_facts_are_posted_as_json():
    with Hook(status(204)) as hook:
        call(hook.address)
    ((path, headers, content),) = hook.asked
    assert path == "/hook"
    assert json.loads(content) == TRIGGER.facts()
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("emotion-edge/")
    assert "Authorization" not in headers


def test_a_secret_is_sent_in_its_header():
    with Hook(status(200)) as hook:
        call(hook.address, SECRET)
        call(hook.address, SECRET, header="X-Key")
    assert [(asked[1].get("Authorization"), asked[1].get("X-Key")) for asked in hook.asked] == [
        (SECRET, None),
        (None, SECRET),
    ]


@pytest.mark.parametrize(
    ("codes", "attempts", "told"),
    [
        ((500, 503, 200), 3, None),
        ((429, 200), 2, None),
        ((500,), 4, "HTTP 500 Internal Server Error"),
        ((404,), 1, "HTTP 404 Not Found"),
        ((401,), 1, "HTTP 401 Unauthorized"),
    ],
)
def test_what_may_succeed_is_tried_again(codes, attempts, told):
    with Hook(*map(status, codes)) as hook:
        if told:
            with pytest.raises(UserError, match=told):
                call(hook.address, SECRET)
        else:
            call(hook.address)
    assert len(hook.asked) == attempts


def test_a_redirection_is_not_followed():
    told = "HTTP 307 Temporary Redirect: name the address that it redirects to"
    with (
        Hook(status(200)) as other,
        Hook(status(307, Location=other.address)) as hook,
        pytest.raises(UserError, match=told),
    ):
        call(hook.address, SECRET)
    assert len(hook.asked) == 1
    assert other.asked == []


def stall(handler):
    hooks[0].gone.wait(LONG)


def drip(handler):
    """A header without end, byte by byte; each would be in time alone."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not hooks[0].gone.wait(0.02):
        handler.wfile.write(b"x")


hooks: list[Hook] = []


@contextmanager
def hooked(answer):
    with Hook(answer) as hook:
        hooks[:] = [hook]
        yield hook


@pytest.mark.parametrize("answer", [stall, drip])
def test_a_server_that_takes_too_long_is_given_up(answer, monkeypatch):
    monkeypatch.setattr(webhook, "RETRY_PAUSES", (0.01,))
    with hooked(answer) as hook:
        with pytest.raises(UserError, match="no answer in time"):
            call(hook.address, timeout=0.3)
        assert len(hook.asked) == 2


def test_nothing_but_the_status_is_read():
    def endless(handler):
        status(200)(handler)
        while not hooks[0].gone.is_set():
            handler.wfile.write(bytes(1 << 16))

    with hooked(endless) as hook:
        call(hook.address)
    assert len(hook.asked) == 1


def test_a_server_that_is_not_there_is_tried_again():
    with pytest.raises(UserError, match=f"http://127.0.0.1:{(port := free_port())}: Connection refused"):
        call(f"http://127.0.0.1:{port}/path-with-a-key")


def test_errors_show_neither_secret_nor_path():
    with Hook(status(500)) as hook, pytest.raises(UserError) as caught:
        call(hook.address + "/" + SECRET, SECRET)
    assert SECRET not in str(caught.value)
    assert "/hook" not in str(caught.value)


def test_the_end_of_the_run_ends_the_attempts(monkeypatch):
    monkeypatch.setattr(webhook, "RETRY_PAUSES", (LONG,))
    stop = threading.Event()

    def fail(handler):
        status(500)(handler)
        stop.set()

    with Hook(fail) as hook, pytest.raises(UserError):
        call(hook.address, stop=stop)
    assert len(hook.asked) == 1


def test_a_certificate_must_be_trusted(tmp_path, monkeypatch):
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    hook = Hook(status(200))
    hook.server.socket = context.wrap_socket(hook.server.socket, server_side=True)
    address = hook.address.replace("http:", "https:")
    with hook:
        with pytest.raises(UserError, match="its certificate is not trusted"):
            call(address, SECRET)
        assert hook.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        call(address, SECRET)
    assert len(hook.asked) == 1


def test_a_server_that_closes_at_once_is_no_bug():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close():
            for _ in range(4):
                server.accept()[0].close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises(UserError):
            call(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join(LONG)
        assert not thread.is_alive(), "it was tried four times"
