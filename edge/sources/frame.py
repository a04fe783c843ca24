"""A frame of a source."""

import time
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.sources.pixels import BgrPixels, Pixels


@dataclass(frozen=True)
class Frame:
    """One picture from a source.

    Attributes:
        captured: Unix seconds at capture; in a file, the moment it was opened plus the frame's own timestamp.
        pixels: pixels of the picture.
        source: name of the source, as records give it.
        arrived: `time.monotonic()` seconds when it was handed over; its age is counted from here.
        preview: the same picture smaller, where the camera gives one; faces are searched in it.
        seq: number of the frame in a run, from 0, counting also those that are dropped later; the feed sets it.
    """

    captured: float
    pixels: Pixels
    source: str
    arrived: float
    preview: np.ndarray | None = None
    seq: int = 0

    def age(self) -> float:
        """Return the seconds since the frame arrived."""
        return time.monotonic() - self.arrived

    def blank(self) -> "Frame":
        """Return the frame with a black picture, which takes no memory."""
        black = np.broadcast_to(np.uint8(0), (self.height, self.width, 3))
        return replace(self, pixels=BgrPixels(black), preview=None)

    @property
    def image(self) -> np.ndarray:
        """The whole picture, uint8 BGR `[h, w, 3]`; decoded frames make it on demand."""
        return self.pixels.bgr()

    @property
    def width(self) -> int:
        return self.pixels.width

    @property
    def height(self) -> int:
        return self.pixels.height

    @property
    def nbytes(self) -> int:
        """Return the bytes of the picture and its preview."""
        return self.pixels.nbytes + (0 if self.preview is None else self.preview.nbytes)


def to_bgr(image: np.ndarray) -> np.ndarray:
    """Convert a grey, BGR or BGRA picture of any integer depth to uint8 BGR `[h, w, 3]`, without a needless copy."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    channels = 1 if image.ndim == 2 else image.shape[2]
    conversions = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}
    return cv2.cvtColor(image, conversions[channels]) if channels in conversions else image
