"""Steadies a face's label: probabilities averaged in time, and a label that does not flicker."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge.options import Smoothing


class Smoother:
    """The state of all faces; for one thread."""

    def __init__(self, settings: Smoothing, memory: float) -> None:
        """`memory` is the seconds for which a face that is not seen is remembered: the tracker's."""
        self._settings, self._memory = settings, memory
        self._steady = settings.time_constant > 0
        self._dwell = settings.dwell if self._steady else 0.0
        self._faces: dict[int, _Face] = {}

    def update(self, track: int, probabilities: np.ndarray, time: float) -> tuple[np.ndarray, int | None]:
        """Take in what was seen of a face.

        Args:
            track: its number.
            probabilities: float32 `[7]` of this frame.
            time: capture time, seconds.

        Returns:
            The averaged probabilities, float32 `[7]`, and the class of the label, None where it is not sure.
        """
        face = self._faces.get(track)
        if face is None:
            face = self._faces[track] = _Face(probabilities, time, time, None, -np.inf)
        face.probabilities = face.probabilities + self._gain(time - face.time) * (probabilities - face.probabilities)
        face.time = face.seen = time
        label = self._label(face)
        if label != face.label and (face.label is None or time - face.since >= self._dwell):
            face.label, face.since = label, time
        return face.probabilities, face.label

    def keep(self, present: Iterable[int], time: float) -> None:
        """Remember the faces in a frame, read or not, and drop those not seen for the length of the memory."""
        for track in present:
            if track in self._faces:
                self._faces[track].seen = time
        self._faces = {n: face for n, face in self._faces.items() if time - face.seen <= self._memory}

    def _gain(self, seconds: float) -> float:
        """Share of the new in the average: an exponential in time, whatever the frame rate."""
        if self._settings.time_constant <= 0:
            return 1.0
        return 1 - float(np.exp(-max(0.0, seconds) / self._settings.time_constant))

    def _label(self, face: "_Face") -> int | None:
        """The label that the averages ask for, the present one where they do not ask for another loudly enough."""
        p, settings = face.probabilities, self._settings
        first = int(p.argmax())
        if self._steady and face.label is not None and p[first] < p[face.label] + settings.margin:
            return face.label if p[face.label] >= settings.unsure_below - settings.slack else None
        return first if p[first] >= settings.unsure_below else None


@dataclass
class _Face:
    probabilities: np.ndarray
    time: float  # of what the average has last taken in
    seen: float
    label: int | None
    since: float  # when it took this label
