"""Sources of frames with one interface: cameras, network streams, other programs, videos and pictures."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from edge.base.errors import UserError, raise_first
from edge.base.options import declared
from edge.base.settings import Capture
from edge.sources.frame import Frame
from edge.sources.kinds import LOCAL_CAMERAS, NETWORK, Kind, kind_of

SUPPORT: Mapping[str, tuple[set[Kind], str]] = {
    "size": (LOCAL_CAMERAS | {Kind.STDIN}, "cameras and raw frames"),
    "fps": (LOCAL_CAMERAS | {Kind.HTTP, Kind.STDIN}, "cameras, snapshots over HTTP and standard input"),
    "controls": ({Kind.AUTO, Kind.PICAMERA}, "a Raspberry Pi's camera"),
    "rtsp_transport": ({Kind.RTSP}, "rtsp:// addresses"),
    "pixel_format": ({Kind.STDIN}, "raw frames on standard input"),
    "live": ({Kind.STDIN}, "standard input"),
    "decoder": (NETWORK | {Kind.STDIN, Kind.FILE}, "videos and streams"),
    "recursive": ({Kind.FILE}, "folders of images"),
    "strict": ({Kind.FILE}, "folders of images"),
    "realtime": ({Kind.FILE}, "videos, images and folders"),
    "loop": ({Kind.FILE}, "videos, images and folders"),
}
"""Kinds of sources that support a setting of `Capture`, and these in words; all others are for every source."""


class Source(Protocol):
    """A stream of frames, owned by one thread; `close` may be called by another after `read` has returned.

    Attributes:
        name: name in the records.
        live: True for a camera, whose late frames are dropped; False for a recording, whose frames are all processed.
        fps: nominal frame rate; None where it is unknown.
        total: number of frames; None where it is unknown.
        duration: length of a recording, seconds; None where it is unknown.
        damage: what is missing from a damaged recording, known at its end; None where it is whole.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool: ...

    @property
    def fps(self) -> float | None: ...

    @property
    def total(self) -> int | None: ...

    @property
    def duration(self) -> float | None: ...

    @property
    def damage(self) -> str | None: ...

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end. Live sources time out by themselves where they can."""
        ...

    def close(self) -> None:
        """Release the device or file; safe to call twice."""
        ...


def open_source(
    spec: str, capture: Capture | None = None, stop: threading.Event | None = None, camera: str = ""
) -> Source:
    """Open what `spec` names.

    Args:
        spec: `auto` (a Raspberry Pi's camera where there is one, else the first USB camera), `picamera2` or
            `picamera2:<number>`, a number or `/dev/video…` (USB or built-in camera), an address (`rtsp://`, `http://`,
            `udp://`, …), `-` (standard input), or the path of a video, an image or a folder.
        capture: settings for cameras, streams and recordings.
        stop: set by the caller to end a recording that plays in real time.
        camera: name of the camera where there are several, for credentials of its own.

    Raises:
        UserError: the source does not exist, cannot be opened, has no frame, or does not support one of the settings.
    """
    # Imported here, so that the first frame of a board comes soon.
    capture = capture or Capture()
    if spec == "auto":
        from edge.sources.picamera import pi_cameras

        spec = "picamera2" if pi_cameras() else "0"
    check_capture(spec, capture)
    kind = kind_of(spec)
    if kind is Kind.PICAMERA:
        from edge.sources.picamera import Picamera2Source

        return Picamera2Source(_camera_number(spec), capture)
    if kind is Kind.V4L2:
        from edge.sources.v4l2 import CameraSource

        return CameraSource(int(spec) if spec.isdigit() else spec, capture)
    if kind in NETWORK:
        from edge.sources.network import open_network

        return open_network(spec, capture, camera)
    if kind is Kind.STDIN:
        from edge.sources.pipe import open_stdin

        return open_stdin(capture)
    from edge.sources.files import open_file
    from edge.sources.playback import play

    return play(partial(open_file, Path(spec), capture, told=set()), capture, stop)


def is_recording(spec: str) -> bool:
    """Return whether `spec` is the path of a video, an image or a folder rather than a camera or a stream."""
    return kind_of(spec) is Kind.FILE


def check_capture(spec: str, capture: Capture) -> None:
    """Check that the source supports all settings in `capture`.

    Raises:
        UserError: it does not; the source is not named, since its address may hold a password.
    """
    raise_first(capture_conflicts(spec, capture))


def capture_conflicts(spec: str, capture: Capture) -> Iterator[UserError]:
    """Yield errors about settings in `capture` that the source does not support."""
    flags = {setting.name: setting.option.flag for setting in declared(Capture)}
    for name, what in _unsupported(spec, capture):
        yield UserError(f"{flags[name]} is for {what}, and the source is something else", "leave it out")


def supported(spec: str, capture: Capture) -> Capture:
    """Return what `capture` has for the source, without settings that the source does not support."""
    defaults = Capture()
    return replace(capture, **{name: getattr(defaults, name) for name, _ in _unsupported(spec, capture)})


def _unsupported(spec: str, capture: Capture) -> Iterator[tuple[str, str]]:
    """Yield the names of the settings that the source does not support, and what each is for."""
    kind, defaults = kind_of(spec), Capture()
    for name, (kinds, what) in SUPPORT.items():
        value = getattr(capture, name)
        if value and value != getattr(defaults, name) and kind not in kinds:
            yield name, what


def list_sources() -> list[tuple[str, str]]:
    """Return this machine's cameras: the source to name, and the camera's own name."""
    from edge.sources.picamera import pi_cameras
    from edge.sources.v4l2 import usb_cameras

    return [*pi_cameras(), *usb_cameras()]


def _camera_number(spec: str) -> int:
    _, _, number = spec.partition(":")
    if number and not number.isdigit():
        raise UserError(f"{spec}: not a camera number", "write picamera2 or picamera2:1")
    return int(number or 0)
