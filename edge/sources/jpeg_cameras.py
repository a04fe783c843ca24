"""Cameras that send JPEGs over HTTP, as an endless response or one per request."""

import http.client
import time
from collections import deque
from typing import Any

import numpy as np

from edge.base.errors import UserError
from edge.sources.frame import Frame
from edge.sources.http_client import CameraClient, Unanswered
from edge.sources.image_formats import BrokenPicture, TooManyPixels
from edge.sources.jpegs import JpegCutter
from edge.sources.pixels import BgrPixels
from edge.sources.stills import decode_jpeg

RECEIVE_BYTES = 64 * 1024
"""Most bytes of one read."""

SNAPSHOT_RATE, LEAST_SNAPSHOT_RATE = 2.0, 1.0
"""Requests per second to a camera that sends one picture per request: the default and the minimum."""


class JpegCamera:
    """Base class of both kinds of camera."""

    live = True
    fps: float | None = None
    total = duration = damage = None

    def __init__(self, name: str, client: CameraClient, response: Any, timeout: float) -> None:
        """Take a first picture.

        Args:
            name: name in the records.
            client: client that sent the first request.
            response: response to that request.
            timeout: seconds from one picture to the next.

        Raises:
            UserError: there is no picture.
        """
        self.name, self._client, self._timeout = name, client, timeout
        self._response, self._cutter, self._closed = response, JpegCutter(), False
        self._first = self._checked_picture()
        if self._first is None:
            self.close()
            reason = self._cutter.refusal or "nothing that is a JPEG"
            smaller, other = "set the camera to send smaller JPEGs", "check in a browser that the address gives JPEGs"
            raise UserError(
                f"{name}: no picture from this address ({reason})", smaller if self._cutter.too_large else other
            )

    def read(self) -> Frame | None:
        image, self._first = self._first if self._first is not None else self._checked_picture(), None
        if image is None or self._closed:
            return None
        return Frame(time.time(), BgrPixels(image), self.name, time.monotonic())

    def close(self) -> None:
        self._closed = True
        self._response.close()

    def _checked_picture(self) -> np.ndarray | None:
        """Return the next picture, uint8 BGR `[h, w, 3]`; None where no more come."""
        if self._closed:
            return None
        try:
            return self._picture()
        except (OSError, http.client.HTTPException, Unanswered) as error:
            self._cutter.refusal = self._cutter.refusal or str(error)
            return None

    def _picture(self) -> np.ndarray | None:
        raise NotImplementedError


class MjpegSource(JpegCamera):
    """A camera that sends JPEGs in one endless response."""

    def __init__(self, name: str, client: CameraClient, response: Any, timeout: float) -> None:
        self._waiting: deque[bytes] = deque()
        super().__init__(name, client, response, timeout)

    def _picture(self) -> np.ndarray | None:
        self._client.allowance.renew(self._timeout)  # damaged pictures are skipped, within one picture's time
        while True:
            while not self._waiting:
                if not (content := self._response.read1(RECEIVE_BYTES)):
                    return None
                self._waiting += self._cutter.cut(content)
            if (image := _decoded(self._waiting.popleft())) is not None:
                return image


class SnapshotSource(JpegCamera):
    """A camera that sends one JPEG per request and is polled at a fixed rate.

    Attributes:
        polled: True; each picture is a new request, so reopening the source changes nothing.
    """

    polled = True

    def __init__(self, name: str, client: CameraClient, response: Any, timeout: float, rate: float | None) -> None:
        self.fps = rate or SNAPSHOT_RATE
        if self.fps < LEAST_SNAPSHOT_RATE:
            raise UserError(f"--fps: {rate:g} is too slow for {name}", f"ask for {LEAST_SNAPSHOT_RATE:g} or more")
        self._due = time.monotonic()
        super().__init__(name, client, response, timeout)

    def _picture(self) -> np.ndarray | None:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + 1 / (self.fps or SNAPSHOT_RATE)
        if self._response.closed:
            self._response = self._client.get()
        self._client.allowance.renew(self._timeout)
        with self._response:
            pictures = self._cutter.cut(self._response.read())
        return _decoded(pictures[0]) if pictures else None


def _decoded(picture: bytes) -> np.ndarray | None:
    """Decode a JPEG as uint8 BGR `[h, w, 3]`; None where that fails."""
    try:
        return decode_jpeg(picture)
    except (BrokenPicture, TooManyPixels):
        return None
