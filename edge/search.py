"""Looks for faces near where they are expected, and in the whole picture only now and then: that costs most."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.detect import Detection, Detector
from edge.frames import Frame
from edge.geometry import Box, as_box, overlap

SURROUNDINGS = 1.6
"""Side of the square that is searched about a face, in sides of its box: it may be a third of one off."""

NEAR_SIDES = (64, 96, 128)
"""Pixels that such squares are searched at: as finely as the whole picture, but never enlarged."""

WORTH_WHILE = 0.7
"""Squares of more than this share of the pixels of the whole picture take as long as all of it."""

SAME_FACE = 0.4
"""Two boxes that overlap by more than this are one face that was found twice."""


@dataclass(frozen=True)
class _Square:
    """A part of a picture: corner and side in its pixels, and the pixels it is searched at."""

    x: int
    y: int
    side: int
    resolution: int


class Search:
    """Decides, frame by frame, where to look; for one thread."""

    def __init__(self, make: Callable[[int], Detector], side: int, every: float) -> None:
        """Begin with nothing known.

        Args:
            make: a detector for pictures whose longer side is this many pixels.
            side: pixels of the longer side at which whole pictures are searched.
            every: seconds between two searches of the whole picture; 0 searches each one.
        """
        self._make, self._whole = make, make(side)
        self._near: dict[int, Detector] = {}  # by their side, made when a face of that size is there
        self._side, self._every = side, every
        self._slower = 1
        self._last: float | None = None
        self._shape: tuple[int, ...] = ()

    def slow_down(self, factor: int) -> None:
        """From now on, let so many times as much time pass between two searches of the whole picture."""
        self._slower = factor

    def forget(self) -> None:
        """Search the whole of the next picture."""
        self._last = None

    def find(self, frame: Frame, expected: Sequence[Detection]) -> list[Detection]:
        """The faces in a frame.

        Args:
            frame: the next one.
            expected: where the faces of the last frame should be by now.

        Returns:
            The detections in pixels of the frame's image, the best first.
        """
        if not self._is_due(frame) and (squares := self._squares(frame.image, expected)) is not None:
            near = [self._find_near(frame.image, square) for square in squares]
            if None not in near:
                return _distinct(found for found in near if found)
        self._last, self._shape = frame.captured, frame.image.shape
        if frame.preview is None:
            return self._whole.detect(frame.image)
        scale = frame.width / frame.preview.shape[1]
        return [_moved(detection, scale, (0, 0)) for detection in self._whole.detect(frame.preview)]

    def _is_due(self, frame: Frame) -> bool:
        if self._last is None or frame.image.shape != self._shape:  # or places mean nothing
            return True
        # A clock that was set back must not keep anybody from being found.
        return not 0 <= frame.captured - self._last < self._every * self._slower

    def _squares(self, image: np.ndarray, expected: Sequence[Detection]) -> list[_Square] | None:
        """The square about each face; None where one does not fit, or all of them are no work saved."""
        height, width = image.shape[:2]
        scale = min(1.0, self._side / max(height, width))
        squares = []
        for x, y, w, h in (detection.box for detection in expected):
            side = round(SURROUNDINGS * max(w, h))
            resolution = next((n for n in NEAR_SIDES if n >= side * scale), NEAR_SIDES[-1])
            side = max(side, resolution)
            if side > min(height, width):
                return None
            left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
            squares.append(_Square(min(max(0, left), width - side), min(max(0, top), height - side), side, resolution))
        pixels = sum(square.resolution**2 for square in squares)
        return squares if pixels <= WORTH_WHILE * height * width * scale**2 else None

    def _find_near(self, image: np.ndarray, square: _Square) -> Detection | None:
        """The face nearest to the square's middle: others at its edge are cut off, and have squares of their own."""
        part = image[square.y : square.y + square.side, square.x : square.x + square.side]
        if square.resolution not in self._near:
            self._near[square.resolution] = self._make(square.resolution)
        found = self._near[square.resolution].detect(part)
        if not found:
            return None
        nearest = min(found, key=lambda detection: _from_middle(detection.box, square.side))
        return _moved(nearest, 1.0, (square.x, square.y))


def _from_middle(box: Box, side: int) -> float:
    x, y, w, h = box
    return float(np.hypot(x + (w - side) / 2, y + (h - side) / 2))


def _moved(detection: Detection, scale: float, corner: tuple[int, int]) -> Detection:
    """A detection in a part of the picture, as one in the picture."""
    x, y, w, h = (scale * value for value in detection.box)
    landmarks = None
    if detection.landmarks is not None:
        landmarks = (detection.landmarks * scale + np.array(corner)).astype(np.float32)
    return Detection(as_box((x + corner[0], y + corner[1], w, h)), detection.score, landmarks)


def _distinct(detections: Iterable[Detection]) -> list[Detection]:
    """The best first, without those that a better one covers: two squares may have one face between them."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda detection: -detection.score):
        if not kept or overlap(_table([detection.box]), _table([k.box for k in kept])).max() < SAME_FACE:
            kept.append(detection)
    return kept


def _table(boxes: list[Box]) -> np.ndarray:
    return np.array(boxes, float).reshape(-1, 4)
