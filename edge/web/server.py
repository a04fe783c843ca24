"""HTTP server on its own thread and event loop."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn import Server as Uvicorn

from edge.base.errors import UserError
from edge.pipeline.faults import Faults
from edge.web.bodies import CloseUnread
from edge.web.connections import Connection, Door

GRACE = 1
"""Seconds to wait for responses to finish after the server was stopped."""

STATISTICS_INTERVAL = 1.0
"""Seconds between two beats."""


def check_certificate(cert: Path, key: Path) -> None:
    """Check a certificate and its key.

    Raises:
        UserError: they cannot be read without a password, or do not belong together.
    """
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except OSError as error:  # including TLS errors
        raise UserError(
            f"{cert} and {key}: no certificate with its key ({error.strerror})", "give two files in PEM format"
        ) from error


class Server:
    """Serves an application until it is stopped.

    Errors of the server and the application are recorded and end only the request.
    """

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        listener: socket.socket,
        faults: Faults,
        certificate: tuple[Path, Path] | None = None,
        *,
        beat: Callable[[], None] = lambda: None,
        behind_proxy: bool = False,
    ) -> None:
        """Take ownership of the listening socket.

        Args:
            name: name under which errors are recorded.
            app: application.
            listener: see `edge.base.listen`.
            faults: records the errors.
            certificate: files of a certificate and its key, for TLS, see `check_certificate`.
            beat: called every second in the server's thread.
            behind_proxy: whether all clients come through a proxy and have its address.
        """
        self._name, self._app, self._listener, self._faults = name, app, listener, faults
        self._beat, self._behind_proxy = beat, behind_proxy
        cert, key = certificate or (None, None)
        config = Config(
            CloseUnread(self._noting),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # requests must not fill the log; errors are recorded below, each once
            access_log=False,
            proxy_headers=False,  # clients could state any address
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            ssl_certfile=cert,
            ssl_keyfile=key,
        )
        config.load()  # now, so that an error does not occur in the thread
        self._uvicorn = Uvicorn(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start to serve."""
        self._loop = asyncio.new_event_loop()  # here, so that the caller gets the errors
        self._loop.set_exception_handler(self._note)
        self._thread.start()
        self._ready.wait()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run a function in the server's thread; before `start` and after the end, do nothing."""
        if self._ready.is_set():
            assert self._loop
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self, end_streams: Callable[[], None] = lambda: None) -> None:
        """Refuse new requests, end the streams and wait for the end; before `start`, only stop listening."""
        if self._accepting is None:
            self._listener.close()
            return
        self.call(self._accepting.cancel)
        self.call(end_streams)
        self._uvicorn.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        assert self._loop
        loop = self._loop
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        beating = asyncio.create_task(self._keep_beating())
        self._accepting = asyncio.create_task(self._door().accept())
        self._ready.set()
        await self._uvicorn.serve(sockets=[])  # `Door` accepts the connections
        beating.cancel()

    def _door(self) -> Door:
        config, state = self._uvicorn.config, self._uvicorn.server_state

        def failed(error: BaseException) -> None:
            self._faults.note(self._name, error)

        return Door(self._listener, lambda: Connection(config, state), config.ssl, failed, shared=self._behind_proxy)

    async def _keep_beating(self) -> None:
        while True:
            with self._faults.tolerated(self._name):
                self._beat()
            await asyncio.sleep(STATISTICS_INTERVAL)

    async def _noting(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return the application with its errors recorded and answered 500."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            self._faults.note(self._name, error)
            raise

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._faults.note(self._name, context.get("exception") or RuntimeError(context["message"]))
