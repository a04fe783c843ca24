"""Values that users write as one word: sizes, addresses, controls, paths. `str` of a value is its word again."""

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlsplit

from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Pixels = Annotated[int, Meta(ge=1)]


class Size(NamedTuple):
    """Width and height in pixels."""

    width: Pixels
    height: Pixels

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `640x480`.

        Raises:
            ValueError: it is something else.
        """
        width, _, height = text.partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise ValueError(f"{text} is not a size: write it as 640x480")
        return cls(int(width), int(height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Address(NamedTuple):
    """Host and port to listen on; port 0 is any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`; an IPv6 host is in brackets.

        Raises:
            ValueError: it is something else.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535 or (":" in host and host[0] + host[-1] != "[]"):
            raise ValueError(f"{text} is not an address: write it as 127.0.0.1:8080")
        try:
            host.encode("idna")
        except UnicodeError as error:
            raise ValueError(f"{text} is not an address: {host} is not a host name") from error
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Control(NamedTuple):
    """One of libcamera's controls: true, false, a number, or several numbers."""

    name: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ExposureTime=10000` or `ColourGains=1.5,2`.

        Raises:
            ValueError: it is something else.
        """
        name, equals, value = text.partition("=")
        try:
            parsed = json.loads(f"[{value}]") if "," in value else json.loads(value)
        except json.JSONDecodeError:
            parsed = None
        if not (name.isidentifier() and equals) or parsed is None or isinstance(parsed, str):
            raise ValueError(f"{text} is not a control: write it as ExposureTime=10000")
        return cls(name, parsed)

    def __str__(self) -> str:
        return f"{self.name}={json.dumps(self.value).strip('[]')}"


SECONDS_BY_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
"""Seconds of the units of times before now."""


def parse_time(text: str) -> float:
    """Return the Unix seconds of `2026-11-27`, `2026-11-27T10:30` (local time), or of `-2h`, two hours ago.

    Raises:
        ValueError: it is something else.
    """
    if ago := re.fullmatch(r"-(\d{1,9}(?:\.\d+)?)([smhdw])", text):
        return time.time() - float(ago[1]) * SECONDS_BY_UNIT[ago[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text} is not a time: write it as 2026-11-27T10:30, or -2h for two hours ago") from error


def parse_name(text: str) -> str:
    """Return a name that must not be empty.

    Raises:
        ValueError: it is.
    """
    if not text:
        raise ValueError("an empty name, which would mean the current folder")
    return text


def parse_camera(text: str) -> str:
    """Return the name of a camera, which is a part of topics, labels and addresses.

    Raises:
        ValueError: it has other characters, or too many.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text):
        raise ValueError(f"{text} is not the name of a camera: take up to 32 letters, digits, - and _")
    return text


def parse_path(text: str) -> Path:
    """Return the path that a name means.

    Raises:
        ValueError: the name is empty.
    """
    return Path(parse_name(text))


def parse_clock(text: str) -> float:
    """Return the seconds that `90`, `1:30`, or `0:01:30.5` means.

    Raises:
        ValueError: it is no such time.
    """
    parts = text.split(":")
    whole, last = parts[:-1], parts[-1]
    if len(parts) > 3 or not all(part.isdecimal() for part in whole) or not last.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text} is not a time: write it in seconds, or as 1:02:30")
    return sum(float(part) * 60**power for power, part in enumerate(reversed(parts)))


LOCAL = "local:"
"""Beginning of the word for a cluster that is started here, before the number of its workers."""


def parse_cluster(text: str) -> str:
    """Return the address of a Dask scheduler, `tcp://host:8786` or `tls://host:8786`, or `local:4`.

    Raises:
        ValueError: it is something else.
    """
    local = text.removeprefix(LOCAL)
    if not (local.isdecimal() and int(local)) if text.startswith(LOCAL) else not CLUSTER.fullmatch(text):
        raise ValueError(f"{text} is not a cluster: write it as tcp://scheduler:8786 or local:4")
    return text


CLUSTER = re.compile(r"(tcp|tls)://[^/@\s]+:\d{1,5}")
"""Addresses of schedulers."""


def parse_host(text: str) -> str:
    """Return the name of a host in small letters, as it travels.

    Raises:
        ValueError: it is no such name.
    """
    name = text.lower().rstrip(".")
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        encoded = ""
    if not encoded or not all(part.replace("-", "").replace("_", "").isalnum() for part in encoded.split(".")):
        raise ValueError(f"{text} is not the name of a host: write it as cam.example.org")
    return encoded


def parse_webhook(text: str) -> str:
    """Return the address of a webhook.

    Raises:
        ValueError: it is none, or has credentials.
    """
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it raises
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and text.isprintable():
            return text
    except ValueError:
        pass
    raise ValueError("this is not the address of a webhook: write it as https://host/path")


def parse_header(text: str) -> str:
    """Return the name of an HTTP header.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError(f"{text} is not the name of a header")
    return text
