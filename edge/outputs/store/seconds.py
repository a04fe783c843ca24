"""Faces summed up by the second."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from edge.faces.results import FaceResult, FrameResult


class FaceSecond(NamedTuple):
    """One face of one camera in one second.

    Attributes:
        second: Unix seconds at which it began.
        camera: name of the source.
        face: id of the face, from 1 in each run.
        label: its most frequent label; None where it had none in most frames.
        confidence: mean probability of the label, or of the most probable class where there is none; 0 to 1. None where
            the face was not read.
        frames: frames with the face.
        classes: JSON list of the names of classes.
        probabilities: JSON list of their mean probabilities in the frames with the label; `null` where the face was not
            read.
    """

    second: int
    camera: str
    face: int
    label: str | None
    confidence: float | None
    frames: int
    classes: str
    probabilities: str


@dataclass
class _Face:
    """Sums of one face in the present second, by label."""

    classes: tuple[str, ...]
    frames: Counter[int | None] = field(default_factory=Counter)
    read: Counter[int | None] = field(default_factory=Counter)  # those of them in which it was read
    sums: dict[int | None, np.ndarray] = field(default_factory=dict)

    def add(self, face: FaceResult) -> None:
        self.frames[face.label] += 1
        if face.probabilities is not None:
            self.read[face.label] += 1
            self.sums[face.label] = self.sums.get(face.label, 0) + face.probabilities.astype(float)

    def row(self, second: int, camera: str, number: int) -> FaceSecond:
        # The mean is over these frames alone, so that the probabilities do not contradict the label.
        label = self.frames.most_common(1)[0][0]
        mean = self.sums[label] / self.read[label] if self.read[label] else None
        confidence = None if mean is None else round(float(mean.max() if label is None else mean[label]), 4)
        probabilities = None if mean is None else [round(float(p), 4) for p in mean]
        return FaceSecond(
            second,
            camera,
            number,
            None if label is None else self.classes[label],
            confidence,
            self.frames.total(),
            json.dumps(self.classes),
            json.dumps(probabilities, separators=(",", ":")),
        )


@dataclass
class _Second:
    """The present second of a camera; `opened` is in seconds of the monotonic clock."""

    start: int
    opened: float
    faces: dict[int, _Face] = field(default_factory=dict)

    def rows(self, camera: str) -> list[FaceSecond]:
        return [face.row(self.start, camera, number) for number, face in self.faces.items()]


class Seconds:
    """Sums up the faces of any number of cameras; for one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._present: dict[str, _Second] = {}

    def add(self, result: FrameResult) -> list[FaceSecond]:
        """Add a frame; return the rows of its camera's last second if that is over."""
        camera, second = result.frame.source, int(result.frame.captured // 1)
        present = self._present.get(camera)
        rows = []
        if present is None or present.start != second:
            rows = present.rows(camera) if present else []
            present = self._present[camera] = _Second(second, self._clock())
        for face in result.faces:
            present.faces.setdefault(face.id, _Face(face.classes)).add(face)
        return rows

    def end_older(self, age: float) -> list[FaceSecond]:
        """End the seconds that began at least `age` seconds ago, of cameras that give no more frames."""
        now = self._clock()
        return self._end([camera for camera, second in self._present.items() if now - second.opened >= age])

    def _end(self, cameras: Iterable[str]) -> list[FaceSecond]:
        return [row for camera in cameras for row in self._present.pop(camera).rows(camera)]
