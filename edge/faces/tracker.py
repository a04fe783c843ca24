"""Track faces: each keeps its id while it moves, is hidden for a moment, or passes another."""

import math
import operator
from dataclasses import dataclass

from edge.faces.detector import Detection

TRACK_TIMEOUT = 1.0
"""Seconds for which a face that is not found keeps its id."""

MAX_TRACK_DISTANCE = 0.7
"""Largest distance of a face from its expected place, in sides of its box; at 0.7 boxes overlap by a fifth."""

REACH_A_SECOND = 0.5
"""Growth of that distance per second in which the face is not seen."""

GROWTH = 1.8
"""Largest ratio of sizes of the same face in two frames."""

STEADINESS = 0.15
"""Seconds over which a face's velocity is averaged; a detector's boxes vary by a hundredth of their side."""


@dataclass(frozen=True)
class Track:
    """A tracked face.

    Attributes:
        id: number from 1, never used again.
        detection: its last detection.
        seen: capture time of that frame, Unix seconds.
        velocity: velocity of the box's centre, x + iy, pixels per second.
    """

    id: int
    detection: Detection
    seen: float
    velocity: complex

    def expected(self, time: float) -> Detection:
        """Return the expected place of the moving face, extrapolated for at most `TRACK_TIMEOUT`."""
        seconds = min(max(0.0, time - self.seen), TRACK_TIMEOUT)
        return self.detection.moved(1, seconds * self.velocity)


class Tracker:
    """Matches detections with the nearest expected places of tracks, by landmarks or, without them, by boxes.

    Attributes:
        found_last: tracks of the last frame.
    """

    def __init__(self, memory: float = TRACK_TIMEOUT) -> None:
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
        return Track(self._last_id, detection, time, 0)


def match(tracks: list[Track], detections: list[Detection], time: float) -> dict[int, int]:
    """Pair tracks and detections greedily, the nearest first.

    Returns:
        Index of the track by index of the detection, for each detection that continues a track.
    """
    expected = [track.expected(time) for track in tracks]
    reaches = [MAX_TRACK_DISTANCE + REACH_A_SECOND * max(0.0, time - track.seen) for track in tracks]
    distances = [
        (distance, i, j)
        for i, place in enumerate(expected)
        for j, detection in enumerate(detections)
        if (distance := _distance(place, detection)) <= reaches[i]
    ]
    matches: dict[int, int] = {}
    for _, i, j in sorted(distances):
        if j not in matches and i not in matches.values():
            matches[j] = i
    return matches


def _distance(a: Detection, b: Detection) -> float:
    """Return the distance of two faces in sides of their boxes; infinite where they differ too much in size."""
    side, other = _side(a), _side(b)
    if not 1 / GROWTH <= side / other <= GROWTH:
        return math.inf
    if a.landmarks and b.landmarks:
        away = sum(map(abs, map(operator.sub, a.landmarks, b.landmarks))) / len(a.landmarks)
    else:
        away = abs(a.centre - b.centre)
    return away / ((side + other) / 2)


def _side(detection: Detection) -> float:
    """Return the side of a square with the box's area."""
    return math.sqrt(max(detection.box[2] * detection.box[3], 1e-9))


def _continued(track: Track, found: Detection, time: float) -> Track:
    seconds = time - track.seen
    if seconds <= 0:  # after a clock was set back, or for two frames of one time, the speed is unknown
        return Track(track.id, found, time, track.velocity)
    gain = 1 - math.exp(-seconds / STEADINESS)
    present = (found.centre - track.detection.centre) / seconds
    return Track(track.id, found, time, track.velocity + gain * (present - track.velocity))
