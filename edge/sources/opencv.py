"""What cameras and streams have in common that OpenCV reads."""

import time
from collections.abc import Callable

import cv2
import numpy as np

from edge.errors import UserError
from edge.frames import Frame, to_bgr

PLAUSIBLE_RATE = 240.0
"""Streams without a rate of their own give their clock's, 90000."""


MOST_DAMAGED = 30
"""Pictures one after the other that cannot be decoded, that end a stream; a bad cable spoils some."""


class OpenCvSource:
    """A live source of OpenCV's."""

    live = True
    total = duration = damage = None

    def __init__(self, name: str, capture: cv2.VideoCapture, refusal: Callable[[], UserError]) -> None:
        """Take over an opened capture, and take a first picture: nothing else proves that there will be any.

        Raises:
            UserError: the refusal, where there is no picture; it is asked for when all is closed again.
        """
        self.name, self._capture = name, capture
        self._first = self._picture()
        if self._first is None:
            self.close()
            raise refusal()
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate <= PLAUSIBLE_RATE else None
        self._seq = 0

    def read(self) -> Frame | None:
        image, self._first = self._first if self._first is not None else self._picture(), None
        if image is None:
            return None
        frame = Frame(self._seq, time.time(), to_bgr(image), self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._capture.release()

    def _picture(self) -> np.ndarray | None:
        """The next one that is whole, uint8; None where nothing comes any more."""
        for _ in range(MOST_DAMAGED):
            if not self._capture.grab():
                return None
            whole, image = self._capture.retrieve()
            if whole:
                return image
        return None
