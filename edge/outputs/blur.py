"""Make faces unrecognizable in written pictures."""

import math
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

import cv2

from edge.base.geometry import Area, Box
from edge.faces.results import FaceResult, FrameResult
from edge.faces.tracker import TRACK_TIMEOUT
from edge.pipeline.output import Output
from edge.sources.pixels import Pixels

COVERED_MARGIN = 0.4
"""Covered margin on each side of a face, in shares of its box: hair, chin and movement."""

SLACK = 0.1
"""Seconds by which a face may be found later than the next search of the whole picture."""

CELLS = 4
"""Squares of one colour in a row and a column over a face: too few to recognize it."""


class Blurred:
    """Wraps an output so that it gets frames without recognizable faces.

    A face is covered from one second before its first detection to one second after its last, because detectors find
    faces late and lose them for a moment. In a frame without a detection it is covered at its last and at its next
    place, and along the path between them if they are less than a second apart. For this, one second of frames is kept.
    """

    def __init__(self, output: Output, detect_interval: float) -> None:
        """Wrap an output; frames wait for one second, or for `detect_interval` seconds if that is longer."""
        self.name, self.complete = output.name, output.complete
        self._output, self._ahead = output, max(TRACK_TIMEOUT, detect_interval + SLACK)
        self._entered = ExitStack()
        self._waiting: deque[FrameResult] = deque()
        self._seen: deque[tuple[float, tuple[FaceResult, ...]]] = deque()

    def __enter__(self) -> "Blurred":
        self._entered.enter_context(self._output)
        return self

    def write(self, result: FrameResult) -> None:
        self._waiting.append(result)
        self._seen.append((result.frame.captured, result.faces))
        while result.frame.captured - self._waiting[0].frame.captured > self._ahead:
            self._pass_on()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._entered:
            if error is not None:
                raise error
            while self._waiting:
                self._pass_on()

    def _pass_on(self) -> None:
        result = self._waiting.popleft()
        time = result.frame.captured
        while self._seen[0][0] < time - TRACK_TIMEOUT:
            self._seen.popleft()
        before: dict[int, Box] = {}
        after: dict[int, Box] = {}
        for seen, faces in self._seen:
            boxes = {face.id: face.box for face in faces}
            before |= boxes if seen <= time else {}
            after = (boxes | after) if seen >= time else after
        between = {face: _spanning(before[face], after[face]) for face in before.keys() & after.keys()}
        pixels = hide(result.frame.pixels, list((before | after | between).values()))
        self._output.write(replace(result, frame=replace(result.frame, pixels=pixels, preview=None)))


def hide(pixels: Pixels, boxes: list[Box]) -> Pixels:
    """Return a copy of the picture with the boxes and their surroundings replaced by coloured squares."""
    picture = pixels.copy()
    for box in boxes:
        area = surroundings(box, COVERED_MARGIN, pixels)
        cells = pixels.part(area, (CELLS, CELLS), cv2.INTER_AREA)
        with picture.drawing(area) as part:
            cv2.resize(cells, area.size, dst=part, interpolation=cv2.INTER_NEAREST)
    return picture


def _spanning(one: Box, other: Box) -> Box:
    """Return the box around two boxes."""
    x, y = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = max(one[0] + one[2], other[0] + other[2]), max(one[1] + one[3], other[1] + other[3])
    return x, y, right - x, bottom - y


def surroundings(box: Box, margin: float, pixels: Pixels) -> Area:
    """Return a box with a margin (in shares of it), cropped to the picture.

    The result has at least one pixel, also for a box beside the picture.
    """
    x, y, w, h = box
    left = min(max(0, int(x - margin * w)), pixels.width - 1)
    top = min(max(0, int(y - margin * h)), pixels.height - 1)
    right = max(min(pixels.width, math.ceil(x + w + margin * w)), left + 1)
    bottom = max(min(pixels.height, math.ceil(y + h + margin * h)), top + 1)
    return Area(left, top, right, bottom)
