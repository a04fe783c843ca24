"""Gives each face a number and keeps it while the face moves, is hidden for a moment, or passes another."""

from dataclasses import dataclass

import numpy as np

from edge.detect import Detection
from edge.geometry import as_box

MEMORY = 1.0
"""Seconds for which a face that is not found keeps its number."""

REACH = 0.7
"""How far a face may be from where it was expected, in sides of its box; as boxes overlap by a fifth."""

REACH_A_SECOND = 0.5
"""What the reach grows by for each second in which the face was not seen."""

GROWTH = 1.8
"""How many times larger or smaller a face may have become at most."""

STEADINESS = 0.15
"""Seconds over which a face's velocity is averaged: a detector's boxes tremble by a hundredth of their side."""


@dataclass(frozen=True)
class Track:
    """A face that is being followed, as it was last found.

    Attributes:
        id: number from 1, never used again.
        detection: where it was.
        seen: capture time of that frame, Unix seconds.
        velocity: float64 `[2]`, of the box's centre, pixels a second.
    """

    id: int
    detection: Detection
    seen: float
    velocity: np.ndarray

    def expected(self, time: float) -> Detection:
        """Where the face will be if it moves on; what is not seen is trusted to move for `MEMORY` at most."""
        step = self.velocity * min(max(0.0, time - self.seen), MEMORY)
        x, y, w, h = self.detection.box
        landmarks = self.detection.landmarks
        return Detection(
            as_box((x + step[0], y + step[1], w, h)),
            self.detection.score,
            None if landmarks is None else (landmarks + step).astype(np.float32),
        )


class Tracker:
    """Continues the tracks whose expected places are nearest, by landmarks where there are any, else by boxes.

    Attributes:
        found_last: the tracks of the last frame.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory
        self._tracks: dict[int, Track] = {}
        self._last_id = 0
        self.found_last: list[Track] = []

    def update(self, detections: list[Detection], time: float) -> list[Track]:
        """Assign the detections of the next frame.

        Args:
            detections: faces found in the frame.
            time: its capture time in Unix seconds.

        Returns:
            One track for each detection, in the same order.
        """
        alive = [track for track in self._tracks.values() if time - track.seen <= self._memory]
        matches = match(alive, detections, time)
        self.found_last = [
            _continued(alive[matches[i]], detection, time) if i in matches else self._begun(detection, time)
            for i, detection in enumerate(detections)
        ]
        self._tracks = {track.id: track for track in [*alive, *self.found_last]}
        return self.found_last

    def _begun(self, detection: Detection, time: float) -> Track:
        self._last_id += 1
        return Track(self._last_id, detection, time, np.zeros(2))


def match(tracks: list[Track], detections: list[Detection], time: float) -> dict[int, int]:
    """Pair tracks and detections greedily, the nearest first.

    Returns:
        For each detection that continues a track, by its index, the track's index.
    """
    distances = np.array([[_distance(track, d, time) for d in detections] for track in tracks])
    matches: dict[int, int] = {}
    while distances.size and distances.min() < np.inf:
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        matches[int(j)] = int(i)
        distances[i, :] = distances[:, j] = np.inf
    return matches


def _distance(track: Track, found: Detection, time: float) -> float:
    """How far a detection is from where the track is expected, in sides of its box; infinite where out of reach."""
    expected = track.expected(time)
    sides = _side(expected), _side(found)
    if max(sides) > GROWTH * min(sides):
        return np.inf
    if expected.landmarks is None or found.landmarks is None:
        away = np.linalg.norm(_centre(expected) - _centre(found))
    else:
        away = np.linalg.norm(expected.landmarks - found.landmarks, axis=1).mean()
    distance = float(away) / float(np.mean(sides))
    reach = REACH + REACH_A_SECOND * max(0.0, time - track.seen)
    return distance if distance <= reach else np.inf


def _continued(track: Track, found: Detection, time: float) -> Track:
    seconds = time - track.seen
    if seconds <= 0:  # a clock that was set back, or two frames of one moment, tell nothing of the speed
        return Track(track.id, found, time, track.velocity)
    newest = (_centre(found) - _centre(track.detection)) / seconds
    gain = 1 - np.exp(-seconds / STEADINESS)
    return Track(track.id, found, time, track.velocity + gain * (newest - track.velocity))


def _centre(detection: Detection) -> np.ndarray:
    x, y, w, h = detection.box
    return np.array([x + w / 2, y + h / 2])


def _side(detection: Detection) -> float:
    return float(np.sqrt(max(detection.box[2] * detection.box[3], 1e-9)))
