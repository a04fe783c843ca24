"""USB and built-in cameras through OpenCV."""

import errno
import logging
import os
import struct
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.base.machine import camera_devices, users_of
from edge.base.settings import Capture
from edge.sources.frame import Frame, to_bgr
from edge.sources.pixels import BgrPixels

log = logging.getLogger(__name__)

V4L2_NAMES = Path("/sys/class/video4linux")

OPENCV_READ_TIMEOUT = 3
"""Seconds that OpenCV waits for a picture (its default is 10). An abandoned read holds the device for that long."""

FREE_BUFFERS = (0xC0145608, struct.pack("5I", 0, 1, 1, 0, 0))
"""VIDIOC_REQBUFS and its argument: zero buffers for capturing, in mapped memory."""

PLAUSIBLE_RATE = 240.0
"""Highest frame rate of a driver that is believed."""

MOST_DAMAGED = 30
"""Damaged pictures in a row that end a stream; a bad cable spoils some."""


class CameraSource:
    """A camera with a driver of the operating system."""

    live = True
    total = duration = damage = None

    def __init__(self, device: int | str, capture: Capture) -> None:
        """Open the camera and take a first picture.

        Raises:
            UserError: there is no such camera, it gives no picture (codecs and image processors are video devices,
                too), another program uses it, or this user may not open it.
        """
        name = f"camera {device}" if isinstance(device, int) else device
        if isinstance(device, int) and sys.platform == "linux" and f"/dev/video{device}" not in camera_devices():
            # OpenCV's own search prints a page of warnings when there is no such camera.
            raise _no_camera(name)
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(OPENCV_READ_TIMEOUT))  # OpenCV reads it once
        self.name, self._capture = name, cv2.VideoCapture(device)
        _ask_for(capture, self._capture)
        self._first = self._picture()
        if self._first is None:  # only a picture proves that the camera works
            self.close()
            raise _refusal(name, f"/dev/video{device}" if name != device else name)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= PLAUSIBLE_RATE else None
        log.info("%s gives %s", name, self._granted())

    def read(self) -> Frame | None:
        image, self._first = self._first if self._first is not None else self._picture(), None
        if image is None:
            return None
        return Frame(time.time(), BgrPixels(to_bgr(image)), self.name, time.monotonic())

    def close(self) -> None:
        self._capture.release()

    def _picture(self) -> np.ndarray | None:
        """Return the next picture that can be decoded, uint8; None where no more come."""
        for _ in range(MOST_DAMAGED):
            if not self._capture.grab():
                return None
            whole, image = self._capture.retrieve()
            if whole:
                return image
        return None

    def _granted(self) -> str:
        assert self._first is not None, "taken when it was opened"
        height, width = self._first.shape[:2]
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        letters = bytes(code >> shift & 255 for shift in (0, 8, 16, 24)).decode("latin-1").strip("\0 ")
        rate = f"{self.fps:g} a second" if self.fps else "at a rate that it does not tell"
        return f"{width}x{height}, {letters or 'an unknown format'}, {rate}"


def _ask_for(capture: Capture, opened: cv2.VideoCapture) -> None:
    """Request format, size and rate; the format first, as the others depend on it. Drivers may grant less."""
    if capture.size or capture.fps:
        # USB 2 is too slow for uncompressed pictures of a useful size at 30 per second.
        opened.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    if capture.size:
        opened.set(cv2.CAP_PROP_FRAME_WIDTH, capture.size[0])
        opened.set(cv2.CAP_PROP_FRAME_HEIGHT, capture.size[1])
    if capture.fps:
        opened.set(cv2.CAP_PROP_FPS, capture.fps)
    opened.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old frame in the driver's queue is only latency


def usb_cameras() -> list[tuple[str, str]]:
    """Return the names that drivers give to their video devices, by path."""
    return [(device, _driver_name(device)) for device in camera_devices()]


def _driver_name(device: str) -> str:
    try:
        return (V4L2_NAMES / Path(device).name / "name").read_text().strip()
    except OSError:
        return "a video device"


def _refusal(name: str, path: str) -> UserError:
    """Return the error for a device that gives no picture, with the reason as far as it is known."""
    if Path(path).exists() and not os.access(path, os.R_OK | os.W_OK):
        remedy = "run 'sudo usermod -aG video $USER', then log out and in again"
        return UserError(f"{name}: this user may not open {path}", remedy)
    if _taken(path):
        users = ", ".join(users_of(os.path.realpath(path))) or "a program of another user"
        remedy = "end that, name another camera by its number or file, or wait for this one with --wait-for-camera"
        return UserError(f"{name}: in use by {users}", remedy)
    return _no_camera(name)


def _taken(path: str) -> bool:
    """Return whether another program captures from a device: the driver lets only the owner free its buffers."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with Path(path).open("r+b", buffering=0) as file:
            fcntl.ioctl(file, *FREE_BUFFERS)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _no_camera(name: str) -> UserError:
    return UserError(
        f"{name}: not a camera that gives pictures",
        "plug one in, close other programs that use it, or name another source; the demo needs no camera",
    )
