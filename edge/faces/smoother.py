"""Smoothing of a face's probabilities over time, and a label with hysteresis."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from edge.base.settings import Smoothing


class Smoother:
    """The state of all faces; for one thread. Others may replace `settings`.

    Invariant: the probability of a label is never `Smoothing.margin` or more below that of another class, and without
    averaging no class is more probable than the label.
    """

    def __init__(self, settings: Smoothing, memory: float) -> None:
        """Begin without faces; `memory` is the tracker's time-out in seconds."""
        self.settings, self._memory = settings, memory
        self._faces: dict[int, _Face] = {}

    @property
    def faces(self) -> Collection[int]:
        """Numbers of the faces that are remembered."""
        return self._faces.keys()

    def update(self, track: int, probabilities: np.ndarray, time: float) -> tuple[np.ndarray, int | None]:
        """Add a classification of a face.

        Args:
            track: id of its track.
            probabilities: float32 `[7]` of this frame.
            time: capture time, seconds.

        Returns:
            The averaged probabilities, float32 `[7]`, and the class of the label, or None.
        """
        face = self._faces.get(track)
        if face is None:
            face = self._faces[track] = _Face(probabilities, time, time)
        face.probabilities = face.probabilities + self._gain(time - face.time) * (probabilities - face.probabilities)
        face.time = face.seen = time
        if not self._holds(face):
            face.label, face.weak_since = self._most_probable(face), None
        return face.probabilities, face.label

    def keep(self, present: Iterable[int], time: float) -> None:
        """Note which faces are in a frame, classified or not, and drop those not seen for the time-out."""
        for track in present:
            if track in self._faces:
                self._faces[track].seen = time
        self._faces = {n: face for n, face in self._faces.items() if time - face.seen <= self._memory}

    def _gain(self, seconds: float) -> float:
        """Return the weight of the new value: an exponential average in time, independent of the frame rate."""
        time_constant = self.settings.time_constant  # once: the settings may be replaced at any time
        return 1 - math.exp(-max(0.0, seconds) / time_constant) if time_constant > 0 else 1.0

    def _holds(self, face: "_Face") -> bool:
        """Return whether the label may stay: no class leads by the margin, and it was not weak for the dwell time."""
        settings = self.settings
        if face.label is None or settings.time_constant <= 0:
            return False
        probabilities = face.probabilities.tolist()
        own = probabilities[face.label]
        lead = max(probabilities) - own
        if lead <= 0 and own >= settings.unsure_below - settings.slack:
            face.weak_since = None
        elif face.weak_since is None or face.weak_since > face.time:  # a clock may be set back
            face.weak_since = face.time
        overdue = face.weak_since is not None and face.time - face.weak_since >= settings.dwell
        return lead < settings.margin and not overdue

    def _most_probable(self, face: "_Face") -> int | None:
        """Return the most probable class; None where it is not probable enough for a label."""
        first = int(face.probabilities.argmax())
        return first if face.probabilities[first] >= self.settings.unsure_below else None


@dataclass
class _Face:
    probabilities: np.ndarray
    time: float  # time of the last value in the average
    seen: float
    label: int | None = None
    weak_since: float | None = None  # when the label became too improbable, or less probable than another class
