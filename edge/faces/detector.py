"""Face detectors with one interface: YuNet by default, Haar cascades if OpenCV has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError
from edge.base.geometry import Area, Box, as_box
from edge.base.settings import DETECTORS
from edge.faces.yunet import Network
from edge.sources.pixels import BgrPixels


@dataclass(frozen=True)
class Detection:
    """A face in one picture, in pixels of that picture.

    Attributes:
        box: (x, y, w, h).
        score: 0 to 1.
        landmarks: right eye, left eye, nose tip, right and left mouth corner (the person's own right and left), each
            x + iy; or None where the detector has none.
    """

    box: Box
    score: float
    landmarks: tuple[complex, ...] | None

    @property
    def centre(self) -> complex:
        """Centre of the box."""
        x, y, w, h = self.box
        return complex(x + w / 2, y + h / 2)

    def moved(self, scale: float, shift: complex) -> "Detection":
        """Return the detection scaled about the origin and then shifted."""
        x, y, w, h = self.box
        box = (scale * x + shift.real, scale * y + shift.imag, scale * w, scale * h)
        landmarks = None if self.landmarks is None else tuple([scale * point + shift for point in self.landmarks])
        return Detection(box, self.score, landmarks)


class Detector(Protocol):
    """Finds faces in uint8 BGR `[h, w, 3]`, the best first."""

    def detect(self, image: np.ndarray) -> list[Detection]: ...

    def blank(self) -> None:
        """Overwrite what it keeps of the last pictures."""


SMALLEST_SIDE = 10
"""Smallest face, pixels."""


def open_detector(name: str, side: int = 320, threshold: float = 0.6) -> Detector:
    """Make a detector.

    Args:
        name: one of `DETECTORS`.
        side: pixels of the longer side of the picture that is searched; frames are shrunk to it. Upright
            faces whose width is a sixteenth of it are found reliably.
        threshold: lowest score, 0 to 1.

    Raises:
        UserError: unknown name, or this machine lacks what the detector needs.
    """
    if name == "yunet":
        return YuNet(fetch(YUNET), side, threshold)
    if name == "haar":
        return Haar(side, threshold)
    raise UserError(f"{name}: no such detector", f"use one of {', '.join(DETECTORS)}")


class YuNet:
    """YuNet, with five landmarks."""

    def __init__(self, model: Path, side: int, threshold: float) -> None:
        """Read the weights from OpenCV Zoo's ONNX file.

        Raises:
            UserError: it is damaged.
        """
        self._side, self._network = side, Network(model, threshold)

    def detect(self, image: np.ndarray) -> list[Detection]:
        small, scale = shrink(image, self._side)
        if min(small.shape[:2]) < SMALLEST_SIDE:
            return []
        found = [
            Detection((x, y, w, h), score, tuple(map(complex, places[::2], places[1::2])))
            for score, x, y, w, h, *places in self._network.find(small)
        ]
        return found if scale == 1 else [face.moved(1 / scale, 0) for face in found]

    def blank(self) -> None:
        self._network.blank()


class Haar:
    """OpenCV's frontal-face cascade (Viola and Jones, 2001); boxes without landmarks."""

    def __init__(self, side: int, threshold: float) -> None:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
        path = Path(folder) / "haarcascade_frontalface_default.xml"
        if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
            raise UserError(
                f"OpenCV {cv2.__version__} ships no Haar cascade",
                "use '--detector yunet' or OpenCV 4's wheels",
            )
        self._side, self._threshold = side, threshold
        self._cascade = cv2.CascadeClassifier(str(path))

    def detect(self, image: np.ndarray) -> list[Detection]:
        small, scale = shrink(image, self._side)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24), outputRejectLevels=True
        )
        found = [
            Detection(as_box(np.asarray(box) / scale), _squash(float(weight)), None)
            for box, weight in zip(boxes, np.ravel(weights), strict=True)
        ]
        sure = [detection for detection in found if detection.score >= self._threshold]
        return sorted(sure, key=lambda detection: -detection.score)

    def blank(self) -> None:
        self.detect(np.zeros((self._side, self._side, 3), np.uint8))


def shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Shrink a picture to a longer side of at most `side` pixels; return it with its scale (1 or less)."""
    if max(image.shape) <= side:
        return image, 1.0
    size, scale = shrunk_size(image.shape[1], image.shape[0], side)
    return BgrPixels(image).part(Area(0, 0, image.shape[1], image.shape[0]), size), scale


def shrunk_size(width: int, height: int, side: int) -> tuple[tuple[int, int], float]:
    """Return the size of a picture shrunk to a longer side of at most `side` pixels, and its scale (1 or less)."""
    scale = min(1.0, side / max(height, width))
    return (max(1, round(width * scale)), max(1, round(height * scale))), scale


def _squash(weight: float) -> float:
    """Map the cascade's unbounded stage weight to a score from 0 to 1; a weight of 3 is a rather certain face."""
    return float(1 / (1 + np.exp(-(weight - 1.5))))
