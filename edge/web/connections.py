"""Connections, and the limits on their number and cost."""

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
"""Time-out for a client's reads and requests, seconds."""

HANDSHAKE_TIMEOUT = 5.0
"""Time-out of the TLS handshake, seconds."""

CLOSING_TIMEOUT = 1.0
"""Time-out of the TLS shutdown, seconds."""

MOST_CONNECTIONS = 64
"""Most connections at one time, those in the TLS handshake included."""

MOST_OF_ONE = 32
"""Most connections from one address: more than the streams that may be followed, and half of all."""

BACKLOG = 16
"""Connections that the kernel queues before they are accepted."""

ACCEPT_EVERY = 0.005
"""Least seconds from one connection to the next, so that a flood from any number of addresses costs little."""

RETRY = 1.0
"""Seconds to wait after an error in accepting, for instance without free file descriptors."""

FREE_PIECES, SMALLEST_PIECE = 64, 256
"""Most pieces of a request, and the bytes that allow one more piece: half of what the smallest packets carry.

Parsing a chunk of one byte costs as much as one of a thousand.
"""


class Parser(h11.Connection):
    """HTTP parser that refuses a request in too many small pieces."""

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
    """Closes itself after `CLIENT_TIMEOUT` seconds without reads or requests, or after too many small pieces.

    Attributes:
        ended: set when the connection has ended.
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
        else:  # a response is in progress or was sent
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
            self.transport.abort()  # a slow client would not finish in time
        else:
            super().shutdown()

    def _look(self, past: RequestResponseCycle | None) -> None:
        """Close the connection where no request is in progress and none has come since the last check, with `past`."""
        if self.transport.is_closing():
            return
        if self.cycle is past and (past is None or past.response_complete):
            self.transport.abort()
        else:
            self.loop.call_later(CLIENT_TIMEOUT, self._look, self.cycle)


class Door:
    """Accepts connections one by one, up to the limits.

    asyncio's servers accept every connection, so silent ones could take all file descriptors of the process.
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
            tls: TLS settings; None serves without TLS.
            failed: called with errors that are not a client's, such as a lack of file descriptors.
            shared: whether all clients come through a proxy; there is then no limit per address.
        """
        self._listener, self._make, self._failed = listener, make, failed
        self._tls: dict[str, Any] = {}
        if tls:
            timeouts = {"ssl_handshake_timeout": HANDSHAKE_TIMEOUT, "ssl_shutdown_timeout": CLOSING_TIMEOUT}
            self._tls = {"ssl": tls, **timeouts}
        self._most_of_one = MOST_CONNECTIONS if shared else MOST_OF_ONE
        self._rate = Rate(a_second=20, at_once=100)  # as for requests
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
            except ConnectionError:  # it has left
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
        except OSError:  # no handshake in time is a client's error, which is not reported
            return
        try:
            await protocol.ended.wait()
        finally:
            transport.abort()
