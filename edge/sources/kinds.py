"""Kinds of sources, by the words that name them."""

from enum import Enum, auto


class Kind(Enum):
    """Kind of a source."""

    AUTO = auto()  # this machine's first camera
    PICAMERA = auto()
    V4L2 = auto()
    RTSP = auto()
    HTTP = auto()
    STREAM = auto()
    STDIN = auto()
    FILE = auto()  # also a folder


SCHEMES = {
    **dict.fromkeys(("rtsp", "rtsps"), Kind.RTSP),
    **dict.fromkeys(("http", "https"), Kind.HTTP),
    **dict.fromkeys(("rtmp", "rtmps", "srt", "udp", "tcp"), Kind.STREAM),
}
"""URL schemes of network sources."""

LOCAL_CAMERAS = {Kind.AUTO, Kind.PICAMERA, Kind.V4L2}
"""Cameras at this machine."""

NETWORK = {Kind.RTSP, Kind.HTTP, Kind.STREAM}
"""Sources that have an address."""


def kind_of(spec: str) -> Kind:
    """Return the kind of source that `spec` names, see `edge.sources.open_source`."""
    if spec == "auto":
        return Kind.AUTO
    if spec == "picamera2" or spec.startswith("picamera2:"):
        return Kind.PICAMERA
    if spec.isdigit() or spec.startswith("/dev/video"):
        return Kind.V4L2
    if spec == "-":
        return Kind.STDIN
    scheme, separator, _ = spec.partition("://")
    return SCHEMES.get(scheme.lower(), Kind.FILE) if separator else Kind.FILE
