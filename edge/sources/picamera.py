"""Raspberry Pi cameras through Picamera2."""

import logging
import time
from typing import Any

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources.frame import Frame
from edge.sources.pixel_formats import decode
from edge.sources.pixels import BgrPixels

log = logging.getLogger(__name__)

DEFAULT_SIZE = (1280, 720)
"""Default size of the picture."""

BUFFERS = 4
"""Buffers of the camera: with fewer, frames are lost; more would exhaust libcamera's small memory pool."""

PICAMERA_READ_TIMEOUT = 4.0
"""Seconds without a picture after which the camera counts as lost."""


class Picamera2Source:
    """A camera at the ribbon connector, with two streams: the picture, and a small copy for face detection."""

    live = True
    total = duration = damage = None

    def __init__(self, number: int, capture: Capture) -> None:
        """Configure and start the camera.

        Args:
            number: number of the camera, from 0.
            capture: size of the main stream, rate, and libcamera's controls by name.

        Raises:
            UserError: Picamera2 is not installed, there is no such camera, another program uses it, or it does not know
                a control.
        """
        self.name, self.fps = f"picamera2:{number}" if number else "picamera2", capture.fps
        self._camera, self._closed = _open(number, self.name), False
        try:
            self._streams = self._start(capture)
        except Exception as error:  # libcamera and Picamera2 raise errors of many types
            self.close()
            raise UserError(f"{self.name}: cannot be started ({error})", "check --size, --fps and --control") from error

    def read(self) -> Frame | None:
        if self._closed:
            return None
        try:
            request = self._camera.capture_request(wait=PICAMERA_READ_TIMEOUT)
        except TimeoutError:
            return None
        try:
            # Copied, so that the camera gets its buffer back at once; without free buffers it stops.
            buffers = {name: request.make_buffer(name) for name in self._streams}
            sensor_time = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        arrived = time.monotonic()
        pictures = {name: decode(buffers[name], *layout) for name, layout in self._streams.items()}
        return Frame(_unix_seconds(sensor_time), BgrPixels(pictures["main"]), self.name, arrived, pictures.get("lores"))

    def close(self) -> None:
        # Closing also stops the camera, and does nothing the second time.
        self._closed = True
        self._camera.close()

    def _start(self, capture: Capture) -> dict[str, tuple[str, tuple[int, int], int]]:
        """Configure and start; return the granted format, size and stride of each stream."""
        size = capture.size or DEFAULT_SIZE
        controls = dict(capture.controls) | ({"FrameRate": capture.fps} if capture.fps else {})
        configuration = self._camera.create_video_configuration(
            main={"size": size, "format": "RGB888"},  # which is BGR in memory
            lores={"size": _small(size, capture.preview_side), "format": "YUV420"},
            buffer_count=BUFFERS,
            controls=controls,
        )
        self._camera.configure(configuration)
        granted = self._camera.camera_configuration()
        self._camera.start()
        streams = {name: _layout(granted[name]) for name in ("main", "lores") if granted.get(name)}
        log.info("%s gives %s", self.name, ", ".join(f"{n} {s[1][0]}x{s[1][1]} {s[0]}" for n, s in streams.items()))
        return streams


def installed() -> bool:
    """Return whether Picamera2 can be imported.

    Raises:
        UserError: it is installed but broken.
    """
    try:
        import picamera2  # noqa: F401
    except ImportError:
        return False
    except ValueError as error:  # the error of an extension built for another numpy
        raise UserError(f"Picamera2 cannot be imported ({error})", "see what 'emotion-edge doctor' says") from error
    return True


def pi_cameras() -> list[tuple[str, str]]:
    """Return Picamera2's cameras, as sources; none where it is not installed."""
    if not installed():
        return []
    from picamera2 import Picamera2

    return [
        (f"picamera2:{camera['Num']}", str(camera.get("Model", camera["Id"])))
        for camera in Picamera2.global_camera_info()
    ]


def _open(number: int, name: str) -> Any:
    installed()  # raises where the installation is broken
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise UserError(
            f"{name}: Picamera2 cannot be imported ({error})",
            "'sudo apt install python3-picamera2', and make the environment with --system-site-packages",
        ) from error
    if number >= len(Picamera2.global_camera_info()):
        raise UserError(f"{name}: no such camera", "check its cable, and what 'emotion-edge run --list-sources' says")
    try:
        return Picamera2(number)
    except RuntimeError as error:
        raise UserError(f"{name}: cannot be opened ({error})", "close other programs that use it") from error


def _small(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Scale a size so that its longer side is at most `side`; sides are even, as colour has half the resolution."""
    scale = min(1.0, side / max(size))
    return round(size[0] * scale / 2) * 2, round(size[1] * scale / 2) * 2


def _layout(stream: dict[str, Any]) -> tuple[str, tuple[int, int], int]:
    return str(stream["format"]), tuple(stream["size"]), int(stream["stride"])


def _unix_seconds(sensor_time: int | None) -> float:
    """Convert the sensor's time, nanoseconds since boot, to Unix seconds."""
    if sensor_time is None:
        return time.time()
    return time.time() - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - sensor_time) / 1e9
