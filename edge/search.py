"""Looks for faces near where they are expected, and in the whole picture only now and then: that costs most."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from edge.detect import Detection, Detector
from edge.frames import Frame
from edge.geometry import Box, Point, as_box, overlap

SURROUNDINGS = 1.6
"""Side of the square that is searched about a face, in sides of its box: it may be a third of one off."""

NEAR_SIDES = (64, 96, 128)
"""Pixels that such squares are searched at: as finely as the whole picture, but never enlarged."""

SHEETS = {4: (2, 2), 2: (1, 2), 1: (1, 1)}
"""Squares that are searched in one picture, side by side, in rows and columns: four small ones take half as long as one
after the other. Few forms, for each has a detector of its own."""

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
        self._near: dict[tuple[int, ...], Detector] = {}  # by the form of their sheets, made when it is met
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
            near = [found for sheet in _sheets(squares) for found in self._find_near(frame.image, sheet)]
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

    def _find_near(self, image: np.ndarray, squares: Sequence[_Square]) -> Iterator[Detection | None]:
        """For each square of one sheet, the face nearest to its middle: others are cut off, and have their own."""
        rows, columns = SHEETS[len(squares)]
        resolution = squares[0].resolution
        sheet = np.empty((rows * resolution, columns * resolution, image.shape[2]), np.uint8)
        corners = [(row * resolution, column * resolution) for row in range(rows) for column in range(columns)]
        for (top, left), square in zip(corners, squares, strict=True):
            part = image[square.y : square.y + square.side, square.x : square.x + square.side]
            cell = sheet[top : top + resolution, left : left + resolution]
            cv2.resize(part, (resolution, resolution), dst=cell, interpolation=cv2.INTER_LINEAR)
        if sheet.shape not in self._near:
            self._near[sheet.shape] = self._make(max(sheet.shape))
        found = self._near[sheet.shape].detect(sheet)
        for (top, left), square in zip(corners, squares, strict=True):
            middle, scale = (left + resolution / 2, top + resolution / 2), square.side / resolution
            inside = [detection for detection in found if _away(detection.box, middle) < resolution / 2]
            nearest = min(inside, key=lambda detection: _away(detection.box, middle), default=None)
            yield nearest and _moved(nearest, scale, (square.x - scale * left, square.y - scale * top))


def _sheets(squares: Sequence[_Square]) -> Iterator[list[_Square]]:
    """Squares of one resolution, as many at a time as a sheet takes."""
    for _, group in groupby(sorted(squares, key=lambda square: square.resolution), lambda square: square.resolution):
        alike = list(group)
        while alike:
            count = next(count for count in SHEETS if count <= len(alike))
            yield alike[:count]
            alike = alike[count:]


def _away(box: Box, point: Point) -> float:
    """How far the centre of a box is from a point, along the axis where that is more."""
    x, y, w, h = box
    return max(abs(x + w / 2 - point[0]), abs(y + h / 2 - point[1]))


def _moved(detection: Detection, scale: float, corner: Point) -> Detection:
    """A detection in a part of the picture, as one in the picture."""
    x, y, w, h = (scale * value for value in detection.box)
    landmarks = None
    if detection.landmarks is not None:
        landmarks = (detection.landmarks * scale + np.array(corner)).astype(np.float32)
    return Detection(as_box((x + corner[0], y + corner[1], w, h)), detection.score, landmarks)


def _distinct(detections: Iterable[Detection]) -> list[Detection]:
    """The best first, without those that a better one covers: two squares may have one face between them."""
    ranked = sorted(detections, key=lambda detection: -detection.score)
    if len(ranked) < 2:
        return ranked
    boxes = np.array([detection.box for detection in ranked])
    covered = overlap(boxes, boxes) >= SAME_FACE
    kept: list[int] = []
    for i in range(len(ranked)):
        if not covered[i, kept].any():
            kept.append(i)
    return [ranked[i] for i in kept]
