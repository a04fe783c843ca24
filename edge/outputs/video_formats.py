"""File formats and encoders of written video."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.base.errors import UserError
from edge.base.ffmpeg import av

KEYFRAME_INTERVAL = 2.0
"""Seconds between keyframes; a killed process loses at most this much."""


@dataclass(frozen=True)
class Container:
    """A file format.

    Attributes:
        name: FFmpeg's name of the muxer.
        encoders: FFmpeg's names, the preferred one first.
        whole: muxer options for a file that is complete before it is read; the index is at the front.
        growing: muxer options for a file that can be played at any time.
    """

    name: str
    encoders: tuple[str, ...]
    whole: Mapping[str, str]
    growing: Mapping[str, str]


_MATROSKA = {"cues_to_front": "1"}, {"cluster_time_limit": str(round(1000 * KEYFRAME_INTERVAL)), "flush_packets": "1"}

CONTAINERS = {
    ".mp4": Container(
        "mp4",
        ("libx264", "libvpx-vp9"),
        {"movflags": "faststart"},
        {"movflags": "hybrid_fragmented+frag_keyframe", "flush_packets": "1"},
    ),
    ".mkv": Container("matroska", ("libx264", "libvpx-vp9"), *_MATROSKA),
    ".webm": Container("webm", ("libvpx", "libvpx-vp9"), *_MATROSKA),
}

_VPX = {"deadline": "realtime", "lag-in-frames": "0"}
ENCODER_OPTIONS: dict[str, dict[str, str]] = {
    # A constant quantizer needs no look-ahead, so no frames wait in the encoder.
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "qp": "23"},
    "libvpx": {**_VPX, "cpu-used": "16", "crf": "20"},
    "libvpx-vp9": {**_VPX, "cpu-used": "8", "crf": "32"},
}

LONGEST_SIDES = {"libx264": 16384, "libvpx": 16382}
"""Longest side of a video, pixels, for encoders with a limit below that of pictures."""


def container_of(path: Path) -> Container:
    """Look up the file format by the suffix.

    Raises:
        UserError: there is no such format, or this FFmpeg has no encoder for it.
    """
    suffix = path.suffix.lower()
    if suffix == ".avi":
        raise UserError(f"{path}: .avi files have no times of frames and are no longer written", "name it .mkv")
    if suffix not in CONTAINERS:
        raise UserError(f"{path}: the annotated video must end in .mp4, .mkv or .webm", "rename it")
    encoder_for(CONTAINERS[suffix])
    return CONTAINERS[suffix]


def encoder_for(container: Container) -> str:
    """Return the first of the container's encoders in this FFmpeg; a build may lack libx264, which is under the GPL.

    Raises:
        UserError: it has none of them.
    """
    for name in container.encoders:
        with suppress(av.codec.codec.UnknownCodecError):
            return str(av.codec.Codec(name, "w").name)
    raise UserError(
        f"PyAV {av.__version__} has none of the encoders {', '.join(container.encoders)}",
        "install the PyAV of PyPI, or use another format",
    )
