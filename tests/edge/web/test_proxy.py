"""The live page behind nginx, by the configuration that is shipped."""

import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.base.listen import free_port
from edge.base.settings import Options
from edge.outputs.prometheus import Metrics
from edge.web import token
from edge.web.live_page import LivePage

from ..certificates import self_signed
from ..patience import LONG, patiently
from ..stand_ins import ScriptedRecognizer, face, result

CONFIGURATION = Path(__file__).parents[3] / "deploy" / "nginx.conf"
NAME, TOKEN = "cam.example.org", "a-token-of-some-length"

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


@contextmanager
def nginx(folder, port, page):
    """The proxy on `port` of loopback, before a page at the address `page`."""
    certificate, key = self_signed(folder, NAME)
    server = CONFIGURATION.read_text()
    for shipped, own in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/cam.example.org.pem", certificate),
        ("/etc/ssl/cam.example.org.key", key),
        ("http://127.0.0.1:8080", page.rstrip("/")),
    ):
        assert shipped in server
        server = server.replace(shipped, str(own))
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}} "
        f"http {{ access_log off; {places} {server} }}"
    )
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "errors"])
    try:
        patiently((folder / "pid").exists)
        yield
    finally:
        process.terminate()
        process.wait(LONG)


@pytest.fixture
def ask(bundle, no_threads_left, monkeypatch, tmp_path):
    """`ask(path, data, **headers)` asks through the proxy; gives the answer."""
    monkeypatch.setenv(token.VARIABLE, TOKEN)
    port = free_port()
    with (
        LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer()), proxied_as=[NAME]) as live,
        nginx(tmp_path, port, live.url),
    ):
        live.only.write(result(0, face()))
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        context.check_hostname = False  # it is asked by its address

        def through(path, data=None, **headers):
            headers = {"Host": NAME} | {name.replace("_", "-"): value for name, value in headers.items()}
            request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", data, headers)
            try:
                return urllib.request.urlopen(request, timeout=LONG, context=context)
            except urllib.error.HTTPError as error:
                return error

        yield through


def test_the_page_is_there_for_who_has_the_token(ask):
    assert ask("/healthz").status == 200
    assert ask("/api/v1/latest").status == 401
    assert ask("/api/v1/latest", Authorization=f"Bearer {TOKEN}").status == 200


def test_a_browser_signs_in_through_it_and_another_site_does_not(ask):
    form = f"token={TOKEN}".encode()
    signed_in = ask("/sign-in", form, Origin=f"https://{NAME}", Sec_Fetch_Site="same-origin")
    assert signed_in.status == 401, "followed to the page, without keeping the cookie"
    assert ask("/sign-in", form, Origin="https://evil.example").status == 403


def test_records_come_through_at_once(ask):
    with ask("/events", Authorization=f"Bearer {TOKEN}") as stream:
        assert stream.readline() == b"retry: 1000\n"
