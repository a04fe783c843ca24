"""Listening sockets of servers, and the host names that they answer to."""

import ipaddress
import socket
from urllib.parse import urlsplit

from edge.base.errors import UserError

UNSENT = 128 * 1024
"""Bytes that the kernel buffers for a slow client: a few pictures, not seconds of them."""


def listen(host: str, port: int, option: str) -> socket.socket:
    """Open a listening socket.

    Args:
        host: name or address.
        port: 0 takes any free port.
        option: command-line option named in the error.

    Raises:
        UserError: the address does not exist, is in use, or is not allowed.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(place[:2], family=family)
    except OSError as error:
        raise UserError(
            f"{host}:{port}: cannot be listened on ({error.strerror})", f"name another address: {option} HOST:PORT"
        ) from error
    # Connections inherit both options. Without the second, a response's body waits until its head is acknowledged.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def free_port() -> int:
    """Return a port of this machine on which nobody listens at present."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def is_local(listener: socket.socket) -> bool:
    """Return whether only this machine can reach an address."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def url(listener: socket.socket, *, secure: bool) -> str:
    """Return the address for a browser; a socket that listens on all interfaces is shown by the machine's name."""
    place, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(place)
    host = socket.gethostname() if address.is_unspecified else f"[{place}]" if address.version == 6 else place
    return f"{'https' if secure else 'http'}://{host}:{port}/"


def own_names(host: str, *, local: bool) -> frozenset[str]:
    """Return the host names that requests may use, `host`, on which the server listens, among them."""
    if local:
        return frozenset({"localhost"})
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name.partition('.')[0]}.local", socket.getfqdn().lower(), host.lower()})


def is_own(host: str, names: frozenset[str]) -> bool:
    """Return whether a request's Host header names this server.

    Another site can let its own name resolve to this machine (DNS rebinding), and its pages would then be of the same
    origin. Numeric addresses are always accepted, since the attack needs a name.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
