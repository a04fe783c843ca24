"""Reads the faces of a picture that somebody sends, aside from the camera's."""

import asyncio
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from edge.frames import Frame
from edge.options import Options, Smoothing
from edge.recognize import Recognizer

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 16_000_000
"""A picture of so many takes 48 MB and a fraction of a second."""

MOST_WAITING = 4
"""Pictures that are read or wait for it at one time."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers that are followed by the picture's size (SOF0 to SOF15)."""


class NotAnImage(Exception):  # noqa: N818 - what was sent, no error of ours
    """Neither a JPEG nor a PNG, or a damaged one."""


class TooLarge(Exception):  # noqa: N818
    """More pixels than are read."""


class Busy(Exception):  # noqa: N818
    """Enough others wait."""


class Predictor:
    """Has a recognizer of its own, for a recognizer belongs to one thread; it is loaded when first needed."""

    def __init__(self, options: Options) -> None:
        # One picture is all there is of a face: nothing to average over.
        self._options = replace(options, smoothing=Smoothing(time_constant=0))
        self._thread = ThreadPoolExecutor(1, "predict")
        self._recognizer: Recognizer | None = None
        self._waiting = 0

    async def predict(self, content: bytes) -> dict[str, Any]:
        """The record of a picture.

        Raises:
            Busy: enough others wait.
            NotAnImage: it cannot be decoded.
            TooLarge: it is not decoded, for it has too many pixels.
            UserError: the bundle was there at the start and is not any more.
        """
        if self._waiting >= MOST_WAITING:
            raise Busy
        width, height = image_size(content)
        if width * height > MOST_PIXELS:
            raise TooLarge
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, content)
        finally:
            self._waiting -= 1

    def reload(self) -> None:
        """Read the next picture with the bundle as it is then; from any thread."""
        self._thread.submit(self._forget_model)

    def close(self) -> None:
        """Read no more; what is being read now is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _forget_model(self) -> None:
        self._recognizer = None

    def _predict(self, content: bytes) -> dict[str, Any]:
        image = _decoded(content)
        if self._recognizer is None:
            self._recognizer = Recognizer.from_options(self._options)
        self._recognizer.forget()  # what different people send is not one another's past
        frame = Frame(0, time.time(), image, "upload", time.monotonic())
        return self._recognizer.read(self._recognizer.find(frame)).record()


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of a JPEG or PNG, from its header: a few bytes can claim a picture of gigabytes.

    Raises:
        NotAnImage: it is neither, or ends before its size.
    """
    try:
        if content.startswith(PNG) and content[12:16] == b"IHDR":
            width, height = struct.unpack(">II", content[16:24])
        elif content.startswith(JPEG):
            width, height = _jpeg_size(content)
        else:
            raise NotAnImage
    except (struct.error, IndexError) as error:
        raise NotAnImage from error
    if not (width and height):
        raise NotAnImage
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Walk from segment to segment to the one with the size; thumbnails lie inside of others and are stepped over."""
    at = 2
    while True:
        start, marker, length = struct.unpack(">BBH", content[at : at + 4])
        if start != 0xFF or length < 2:
            raise NotAnImage
        if marker in FRAME_HEADERS:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length


def _decoded(content: bytes) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise NotAnImage from error
    if image is None:
        raise NotAnImage
    return image
