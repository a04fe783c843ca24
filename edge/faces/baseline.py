"""Correction of a face's probabilities by the same face's expression at rest."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from edge.base.classes import EMOTIONS

NEUTRAL = EMOTIONS.index("neutral")

RESTING = tuple(EMOTIONS.index(name) for name in ("neutral", "sad", "angry"))
"""Labels that a face at rest may have; one that smiles or is surprised is not at rest."""

BASELINE_SECONDS = 3.0
"""Time for which a face must keep one of these labels until its baseline is known."""

INTERVAL = 0.1
"""Least time between two readings of a baseline, seconds; it bounds their number."""

MIN_READINGS = 10
"""Readings that a baseline needs, where frames are few."""

PERCENTILE = 90
"""Percentile of the log-odds at rest that is the baseline: what comes and goes while a person talks belongs to it."""

REST_LOG_ODDS = -2.5
"""Log-odds against neutral that the baseline of each other class is shifted to: neutral is then 67% or more."""

MAX_SHIFT = 3.5
"""Largest shift of a class's log-odds, to either side."""

MIN_PROBABILITY = 1 / 512
"""Lower limit of a probability in a logarithm: half a step of the int8 models' output."""


class PersonalBaseline:
    """The resting expressions of all faces, in memory only; for one thread.

    A face's log-odds against neutral are shifted so that its baseline, from its first seconds at rest, becomes
    `REST_LOG_ODDS`.
    """

    def __init__(self) -> None:
        self._faces: dict[int, _Face] = {}

    def correct(self, track: int, probabilities: np.ndarray) -> np.ndarray:
        """Shift the log-odds of a face; as they are until its baseline is known.

        Args:
            track: its number.
            probabilities: float32 `[7]` of one frame.

        Returns:
            float32 `[7]`, which sums to one.
        """
        face = self._faces.get(track)
        if face is None or face.shift is None:
            return probabilities
        weights = np.maximum(probabilities, MIN_PROBABILITY) * np.exp(face.shift)
        return (weights / weights.sum()).astype(np.float32)

    def learn(self, track: int, probabilities: np.ndarray, label: int | None, time: float) -> None:
        """Take in a reading of a face that is fit to be judged, until its baseline is known.

        Args:
            track: its number.
            probabilities: float32 `[7]` of one frame, not corrected.
            label: class of its smoothed label; another one than before begins anew.
            time: capture time, seconds.
        """
        face = self._faces.setdefault(track, _Face())
        if face.shift is not None:
            return
        if label != face.label or time < face.last:
            face.label, face.began, face.readings = label, time, []
        if label in RESTING and (not face.readings or time - face.last >= INTERVAL):
            face.readings.append(log_odds(probabilities))
            face.last = time
        if time - face.began >= BASELINE_SECONDS and len(face.readings) >= MIN_READINGS:
            face.shift, face.readings = _shift(np.array(face.readings)), []

    def keep(self, tracks: Collection[int]) -> None:
        """Drop all other faces."""
        self._faces = {track: face for track, face in self._faces.items() if track in tracks}


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds of each class against neutral, float `[..., 7]`."""
    logs = np.log(np.maximum(probabilities, MIN_PROBABILITY))
    return logs - logs[..., NEUTRAL, None]


def _shift(readings: np.ndarray) -> np.ndarray:
    """Return the shift of each class's log-odds, float `[7]`, from readings `[n, 7]` at rest."""
    shift = np.clip(REST_LOG_ODDS - np.percentile(readings, PERCENTILE, axis=0), -MAX_SHIFT, MAX_SHIFT)
    shift[NEUTRAL] = 0.0
    return shift


@dataclass
class _Face:
    label: int | None = None
    began: float = 0.0  # time since which it has had this label
    last: float = -math.inf  # time of the last reading
    readings: list[np.ndarray] = field(default_factory=list)
    shift: np.ndarray | None = None  # once it is known
