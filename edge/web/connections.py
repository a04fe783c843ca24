"""Connections: how many there may be, and what each may cost."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from edge.web.rates import Rate

CLIENT_TIMEOUT = 10.0
"""Seconds that a client gets to take what is sent to it, and to say what it wants."""

HANDSHAKE_TIMEOUT = 5.0
"""Seconds that a client gets for the handshake of TLS."""

CLOSING_TIMEOUT = 1.0
"""Seconds that a client gets to confirm the end of TLS."""

MOST_CONNECTIONS = 64
"""Connections at one time, from the moment they are accepted: those in the handshake of TLS count."""

MOST_OF_ONE = 32
"""Most connections of one address: more than the streams that may be followed, and half of all."""

BACKLOG = 16
"""Connections that the kernel completes before they are accepted."""

ACCEPT_EVERY = 0.005
"""Seconds from one connection to the next, so that a flood costs little, whoever it comes from."""

RETRY = 1.0
"""Seconds until the next attempt where none could be accepted, as without free file descriptors."""

FREE_PIECES, SMALLEST_PIECE = 64, 256
"""Pieces that a request may come in, and bytes for each piece more: half of what the smallest packets carry.

To parse a chunk of one byte costs as much as one of a thousand.
"""


class Parser(h11.Connection):
    """Refuses a request that comes in crumbs."""

    _pieces = _bytes = 0

    def receive_data(self, data: bytes) -> None:
        self._pieces += 1
        super().receive_data(data)

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
        if self._pieces > FREE_PIECES + self._bytes // SMALLEST_PIECE:
            raise h11.RemoteProtocolError("too many small pieces")
        return event


class Connection(H11Protocol):
    """Ends a connection whose client takes nothing, or asks nothing, for `CLIENT_TIMEOUT` seconds, or sends crumbs.

    Attributes:
        ended: set when the connection is no more.
    """

    _stalled: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, state: ServerState) -> None:
        super().__init__(config, state, app_state={})
        self.conn = Parser(h11.SERVER)
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(CLIENT_TIMEOUT, self._look, None)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
        else:  # an answer is being made, or was given already
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(CLIENT_TIMEOUT, self.transport.abort)

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
            self.loop.call_later(CLIENT_TIMEOUT, self._look, self.cycle)


class Door:
    """Accepts connections one by one, and no more than there may be.

    asyncio's servers accept what comes: the silent would take all file descriptors of the process.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], Connection],
        tls: ssl.SSLContext | None,
        failed: Callable[[BaseException], None],
        *,
        shared: bool,
    ) -> None:
        """Take ownership of the listening socket.

        Args:
            listener: see `edge.base.listen`.
            make: makes the protocol of a connection.
            tls: None serves without.
            failed: told of errors that are not a client's, such as no free file descriptors.
            shared: whether clients come through a proxy, and so from one address: there is no limit for each then.
        """
        self._listener, self._make, self._failed = listener, make, failed
        self._tls: dict[str, Any] = {}
        if tls:
            timeouts = {"ssl_handshake_timeout": HANDSHAKE_TIMEOUT, "ssl_shutdown_timeout": CLOSING_TIMEOUT}
            self._tls = {"ssl": tls, **timeouts}
        self._most_of_one = MOST_CONNECTIONS if shared else MOST_OF_ONE
        self._rate = Rate(a_second=20, at_once=100)  # as of requests, which need no more
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._of: Counter[str] = Counter()
        self._attended: set[asyncio.Task[None]] = set()

    async def accept(self) -> None:
        """Accept until cancelled, then stop listening."""
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        with self._listener:
            while True:
                await self._places.acquire()
                connection, address = await self._next()
                if self._of[address] < self._most_of_one and self._rate.allows(address):
                    self._attend(connection, address)
                else:
                    connection.close()
                    self._places.release()
                await asyncio.sleep(ACCEPT_EVERY)

    async def _next(self) -> tuple[socket.socket, str]:
        while True:
            try:
                connection, (address, *_) = await asyncio.get_running_loop().sock_accept(self._listener)
                return connection, address
            except ConnectionError:  # gone again
                continue
            except OSError as error:
                self._failed(error)
                await asyncio.sleep(RETRY)

    def _attend(self, connection: socket.socket, address: str) -> None:
        def leave(task: asyncio.Task[None]) -> None:
            self._attended.discard(task)
            self._places.release()
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]
            if not task.cancelled() and (error := task.exception()):
                self._failed(error)

        self._of[address] += 1
        task = asyncio.create_task(self._serve(connection))
        self._attended.add(task)
        task.add_done_callback(leave)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.connect_accepted_socket(self._make, connection, **self._tls)
        except OSError:  # no handshake, or none in time: a client's error, of which nobody is told
            return
        try:
            await protocol.ended.wait()
        finally:
            transport.abort()
