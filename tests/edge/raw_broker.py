"""A broker that does as a test says, packet by packet: it checks nothing and answers nothing by itself."""

import socket
from typing import Self

CONNECT, CONNACK, PUBLISH, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 12, 13, 14
ACCEPTED = bytes([CONNACK << 4, 3, 0, 0, 0])
"""The answer to CONNECT that lets a client in, without properties."""


class RawBroker:
    """Listens on a port of this machine."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self._clients: list[Visit] = []

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self._listener.close()

    def accept(self) -> "Visit":
        """The next client, let in; its first packet was a CONNECT."""
        client = self.wait()
        kind, _ = client.read()
        assert kind == CONNECT, f"the first packet was of kind {kind}"
        client.send(ACCEPTED)
        return client

    def wait(self) -> "Visit":
        """The next client, that nothing was read from."""
        connection, _ = self._listener.accept()
        self._clients.append(Visit(connection))
        return self._clients[-1]


class Visit:
    """One client's connection.

    Attributes:
        seen: what followed the length of each packet that was read.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.seen: list[bytes] = []
        self._socket = connection
        self._socket.settimeout(20)

    def read(self) -> tuple[int, bytes]:
        """The next packet: its kind, and what follows its length."""
        first = self._exactly(1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                self.seen.append(self._exactly(length))
                return first >> 4, self.seen[-1]

    def published(self, topic: str) -> bytes:
        """Return the payload of the next PUBLISH under this topic, in QoS 1."""
        start = len(topic).to_bytes(2, "big") + topic.encode()
        while True:
            kind, body = self.read()
            if kind == PUBLISH and body.startswith(start):
                return body[len(start) + 3 :]  # after the packet's number and the length of no properties

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ping(self) -> None:
        """Wait until the client has dealt with all that was sent: paho answers to what only clients ask."""
        self.send(bytes([PINGREQ << 4, 0]))
        while self.read()[0] != PINGRESP:
            pass

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def publish(topic: bytes, payload: bytes = b"", properties: bytes = b"") -> bytes:
    """A PUBLISH packet in QoS 0."""
    body = len(topic).to_bytes(2, "big") + topic + bytes([len(properties)]) + properties + payload
    return bytes([PUBLISH << 4]) + length(len(body)) + body


def length(value: int) -> bytes:
    """The remaining length of a packet, as MQTT writes it."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
