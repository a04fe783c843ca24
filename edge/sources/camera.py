"""USB and built-in cameras through OpenCV."""

import logging
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edge.errors import UserError
from edge.frames import Frame, to_bgr
from edge.machine import camera_devices
from edge.options import Capture

log = logging.getLogger(__name__)

V4L2_NAMES = Path("/sys/class/video4linux")


class CameraSource:
    """A camera that the system has a driver for."""

    live = True
    total = None

    def __init__(self, device: int | str, capture: Capture) -> None:
        """Open it and take a first picture.

        Raises:
            UserError: there is none, it gives no picture, or another program has it.
        """
        self.name = f"camera {device}" if isinstance(device, int) else device
        if isinstance(device, int) and sys.platform == "linux" and f"/dev/video{device}" not in camera_devices():
            # OpenCV's own search prints a page of warnings when there is no such camera.
            raise _no_camera(self.name)
        self._capture = cv2.VideoCapture(device)
        self._ask_for(capture)
        # Codecs and image processors are video devices as well: only a first picture proves a camera.
        ok, image = self._capture.read()
        self._first: np.ndarray | None = image
        if not ok:
            self.close()
            raise _no_camera(self.name)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or None
        log.info("%s gives %s", self.name, self._granted(image))
        self._seq = 0

    def read(self) -> Frame | None:
        ok, image = (True, self._first) if self._first is not None else self._capture.read()
        self._first = None
        if not ok or image is None:
            return None
        frame = Frame(self._seq, time.time(), to_bgr(image), self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._capture.release()

    def _ask_for(self, capture: Capture) -> None:
        """Drivers take what they can do of it; the format first, for sizes and rates depend on it."""
        if capture.size or capture.fps:
            # Uncompressed pictures of any size worth having do not fit through USB 2 at 30 a second.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if capture.size:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, capture.size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, capture.size[1])
        if capture.fps:
            self._capture.set(cv2.CAP_PROP_FPS, capture.fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old frame in the driver's queue is only latency

    def _granted(self, image: np.ndarray) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        letters = bytes(code >> shift & 255 for shift in (0, 8, 16, 24)).decode("latin-1").strip("\0 ")
        rate = f"{self.fps:g} a second" if self.fps else "at a rate that it does not tell"
        return f"{image.shape[1]}x{image.shape[0]}, {letters or 'an unknown format'}, {rate}"


def usb_cameras() -> list[tuple[str, str]]:
    """Video devices by path, each with its driver's name for it."""
    return [(device, _driver_name(device)) for device in camera_devices()]


def _driver_name(device: str) -> str:
    try:
        return (V4L2_NAMES / Path(device).name / "name").read_text().strip()
    except OSError:
        return "a video device"


def _no_camera(name: str) -> UserError:
    return UserError(
        f"{name}: no camera that gives pictures",
        "plug one in, close what else uses it, name another by SOURCE=<number or file>, or try 'make demo'",
    )
