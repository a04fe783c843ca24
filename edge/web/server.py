"""An HTTP server on a thread of its own, with its own event loop."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn import Server as Uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from edge.errors import UserError

PATIENCE = 10.0
"""Seconds that a client gets to take what is sent to it, and to say what it wants."""

MOST_CONNECTIONS = 64
GRACE = 1
"""Seconds that answers get to end once the server is stopped."""

BEAT = 1.0
"""Seconds between two beats."""


def check_certificate(cert: Path, key: Path) -> None:
    """See that a server can have them.

    Raises:
        UserError: they cannot be read without a password, or do not belong together.
    """
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except OSError as error:  # of TLS, too
        raise UserError(
            f"{cert} and {key}: no certificate with its key ({error.strerror})", "give two files in PEM format"
        ) from error


class Connection(H11Protocol):
    """Ends a connection whose client takes nothing, or asks nothing, for `PATIENCE` seconds."""

    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()  # uvicorn's own limit is for those who ask; the silent would take all file descriptors
        self.loop.call_later(PATIENCE, self._look, None)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def shutdown(self) -> None:
        if self.flow.write_paused or (self.cycle and self.cycle.more_body):
            self.transport.abort()  # what it has not taken or sent until now would not be in time
        else:
            super().shutdown()

    def _look(self, past: RequestResponseCycle | None) -> None:
        """End it where no request is under way and none has come since the last look, which found `past`."""
        if self.transport.is_closing():
            return
        if self.cycle is past and (past is None or past.response_complete):
            self.transport.abort()
        else:
            self.loop.call_later(PATIENCE, self._look, self.cycle)


class Server:
    """Serves an application until it is stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        certificate: tuple[Path, Path] | None,
        beat: Callable[[], None],
    ) -> None:
        """Take ownership of the listening socket.

        Args:
            app: what is served.
            listener: see `edge.listen`.
            certificate: files of a certificate and its key, for TLS, see `check_certificate`.
            beat: called every second, in the server's thread.
        """
        self._listener, self._beat = listener, beat
        cert, key = certificate or (None, None)
        config = Config(
            app,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # what strangers send is not to fill the log
            access_log=False,
            proxy_headers=False,  # nobody may say that he is somebody else
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
            ssl_certfile=cert,
            ssl_keyfile=key,
        )
        config.load()  # now, so that nothing of it can fail in the thread
        self._uvicorn = Uvicorn(config)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="web", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()
        self._ready.wait()

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have something done in the server's thread."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self, end_streams: Callable[[], None]) -> None:
        """Take no more requests, have the streams ended, and wait for the end; before `start`, only stop listening."""
        if not self._ready.is_set():
            self._listener.close()
            return
        self.call(end_streams)
        self._uvicorn.should_exit = True
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        beating = asyncio.create_task(self._keep_beating())
        self._ready.set()
        await self._uvicorn.serve(sockets=[self._listener])
        beating.cancel()

    async def _keep_beating(self) -> None:
        while True:
            self._beat()
            await asyncio.sleep(BEAT)
