"""Network cameras: RTSP, HTTP (MJPEG) and whatever else OpenCV's FFmpeg reads."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
import numpy as np

from edge.errors import UserError
from edge.frames import Frame, to_bgr
from edge.options import Capture

OPEN_TIMEOUT, READ_TIMEOUT = 5.0, 4.0
"""Seconds until a camera that does not answer, or sends nothing more, is given up."""

USER, PASSWORD = "EMOTION_EDGE_CAMERA_USER", "EMOTION_EDGE_CAMERA_PASSWORD"
"""Environment variables for credentials: a command line is there for all to read."""

PLAUSIBLE_RATE = 240.0
"""Streams without a rate of their own give their clock's, 90000."""


class NetworkSource:
    """A stream that another machine sends."""

    live = True
    total = None

    def __init__(self, address: str, capture: Capture) -> None:
        """Connect and take a first picture.

        Raises:
            UserError: credentials in the address, nobody answers, or what comes is no video.
        """
        parts = urlsplit(address)
        if parts.username or parts.password:
            raise UserError(
                f"{_public(address)}: credentials do not belong on a command line",
                f"leave them out and set {USER} and {PASSWORD}",
            )
        self.name = _public(address)
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * OPEN_TIMEOUT)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * READ_TIMEOUT)),
        ]
        with _ffmpeg_options(f"rtsp_transport;{capture.rtsp}"):
            self._capture = cv2.VideoCapture(_with_credentials(address), cv2.CAP_FFMPEG, timeouts)
        ok, image = self._capture.read()
        self._first: np.ndarray | None = image
        if not ok:
            self.close()
            raise UserError(
                f"{self.name}: no video from there within {OPEN_TIMEOUT:.0f} s",
                f"check address, network and credentials ({USER}, {PASSWORD}), or try another transport by --rtsp",
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= PLAUSIBLE_RATE else None
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


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """OpenCV takes FFmpeg's options from the environment alone, for whatever is opened: files are not to have them."""
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.get(name)
    os.environ[name] = options
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _public(address: str) -> str:
    """The address as it may be shown: queries carry keys, too."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _with_credentials(address: str) -> str:
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if not user:
        return address
    parts = urlsplit(address)
    secret = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc}"))
