"""An HTTP server on this machine whose answers a test writes itself, byte by byte if it likes."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .patience import LONG

Answer = Callable[[BaseHTTPRequestHandler], None]


class Answering:
    """Answers every GET by a function, which is given the request's handler.

    Attributes:
        address: of the server, without a path.
        asked: path and headers of all requests.
        gone: set when it closes; what never ends looks at it.
    """

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.gone = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                try:
                    answer(self)
                except OSError:  # whoever asked has gone
                    self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def encrypt(self, context: Any) -> None:
        """Speak TLS; for before it begins."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = self.address.replace("http:", "https:")

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.gone.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LONG)


def respond(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200, **headers: str) -> None:
    """Send a whole response; of the headers' names, underscores become hyphens."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)
