"""Address of an MQTT broker."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.base.credentials import MQTT_PASSWORD, MQTT_USER, refuse_credentials
from edge.base.errors import UserError

PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Broker:
    """Address of a broker.

    Attributes:
        host: name or address.
        port: port.
        tls: whether the connection is encrypted and the broker's certificate verified.
        prefix: prefix of all topics.
    """

    host: str
    port: int
    tls: bool
    prefix: str


def parse_broker(address: str) -> Broker:
    """Parse `mqtt://host[:port][/prefix]` or `mqtts://…`; the default prefix is `emotion-edge/<this host>`.

    Raises:
        UserError: the address cannot be parsed, or has credentials.
    """
    refuse_credentials(address, MQTT_USER, MQTT_PASSWORD)
    parts = urlsplit(address, allow_fragments=False)
    prefix = parts.path.strip("/") or f"emotion-edge/{socket.gethostname()}"
    try:
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        host.encode("idna")
        if not host or parts.query or set(prefix) & set("+#@"):
            raise ValueError
    except (ValueError, KeyError):
        # The address is not repeated, because it may contain a password.
        problem = "--mqtt: this is not the address of a broker"
        raise UserError(problem, "write it as mqtt://host, mqtts://host:8883 or mqtt://host/prefix") from None
    return Broker(host, port, parts.scheme == "mqtts", prefix)
