"""A package index on this machine that misbehaves at a test's word."""

import io
import json
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(files: Mapping[str, bytes], padding: int = 0) -> bytes:
    """A wheel of these files, and so many bytes of another one in front of them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("package/padding", bytes(padding))
        for name, content in files.items():
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


class PackageIndex:
    """Serves wheels at `address`, in the format of PEP 691.

    Attributes:
        wheels: content by file name.
        kind: `json` or `html`, the page's format.
        ranges: whether parts of files are sent: `yes`, `no` (the whole is sent), or `refused` (status 501).
        status: of every answer, where it is not 200.
        short: bytes that each file's end lacks, though its length is told.
        user: value of the Authorization header without which it answers 401.
        requests: paths that were asked for, with what range.
        sent: bytes of wheels that were sent.
    """

    def __init__(self, wheels: Mapping[str, bytes]) -> None:
        self.wheels = dict(wheels)
        self.kind, self.ranges, self.status, self.short, self.user = "json", "yes", 200, 0, ""
        self.requests: list[tuple[str, str]] = []
        self.sent = 0
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/simple/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        span = request.headers.get("Range", "")
        self.requests.append((request.path, span))
        status = 401 if self.user and request.headers.get("Authorization") != self.user else self.status
        name = request.path.rpartition("/")[2]
        if status != 200:
            self._send(request, status, b"")
        elif request.path == "/simple/a-package/":
            self._send(request, 200, self.page(), f"application/vnd.pypi.simple.v1+{self.kind}")
        elif name not in self.wheels:
            self._send(request, 404, b"")
        elif span and self.ranges == "refused":
            self._send(request, 501, b"")
        else:
            self._send_file(request, self.wheels[name], span if self.ranges == "yes" else "")

    def page(self) -> bytes:
        if self.kind == "json":
            return json.dumps({"files": [{"filename": n, "url": f"../../files/{n}#x"} for n in self.wheels]}).encode()
        links = "".join(f'<a href="../../files/{name}#sha256=1">{name}</a>' for name in self.wheels)
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def _send_file(self, request: BaseHTTPRequestHandler, content: bytes, span: str) -> None:
        size, headers, status = len(content), {}, 200
        if span:
            first, _, last = span.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, size - int(last))
            end = int(last) + 1 if first else size
            content, status = content[start:end], 206
            headers = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self.sent += len(content)
        self._send(request, status, content, "application/zip", headers)

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        content: bytes,
        kind: str = "text/html",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        request.send_response(status)
        length = {"Content-Length": str(len(content)), "Content-Type": kind}
        for name, value in {**length, **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content[: len(content) - self.short])
