"""Track faces: each keeps its id while it moves, is hidden for a moment, or passes another."""

import math
from dataclasses import dataclass

import numpy as np

from edge.base.geometry import Point
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
        velocity: velocity of the box's centre, x and y, pixels per second.
    """

    id: int
    detection: Detection
    seen: float
    velocity: tuple[float, float]

    def expected(self, time: float) -> Detection:
        """Return the expected place of the moving face, extrapolated for at most `TRACK_TIMEOUT`."""
        seconds = min(max(0.0, time - self.seen), TRACK_TIMEOUT)
        dx, dy = self.velocity[0] * seconds, self.velocity[1] * seconds
        (x, y, w, h), landmarks = self.detection.box, self.detection.landmarks
        if landmarks is not None:
            landmarks = landmarks + np.array((dx, dy), np.float32)
        return Detection((x + dx, y + dy, w, h), self.detection.score, landmarks)


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
        return Track(self._last_id, detection, time, (0.0, 0.0))


def match(tracks: list[Track], detections: list[Detection], time: float) -> dict[int, int]:
    """Pair tracks and detections greedily, the nearest first.

    Returns:
        Index of the track by index of the detection, for each detection that continues a track.
    """
    expected = [_Shape.of(track.expected(time)) for track in tracks]
    reaches = [MAX_TRACK_DISTANCE + REACH_A_SECOND * max(0.0, time - track.seen) for track in tracks]
    found = [_Shape.of(detection) for detection in detections]
    distances = [
        (distance, i, j)
        for i, shape in enumerate(expected)
        for j, other in enumerate(found)
        if (distance := shape.distance(other)) <= reaches[i]
    ]
    matches: dict[int, int] = {}
    for _, i, j in sorted(distances):
        if j not in matches and i not in matches.values():
            matches[j] = i
    return matches


@dataclass(frozen=True)
class _Shape:
    """Position and size of a face as plain numbers, for speed: every pair is compared in every frame.

    Attributes:
        side: side of a square with the box's area.
        centre: centre of the box.
        landmarks: five points, or none.
    """

    side: float
    centre: Point
    landmarks: list[list[float]]

    @classmethod
    def of(cls, detection: Detection) -> "_Shape":
        landmarks = [] if detection.landmarks is None else detection.landmarks.tolist()
        return cls(math.sqrt(max(detection.box[2] * detection.box[3], 1e-9)), _centre(detection), landmarks)

    def distance(self, other: "_Shape") -> float:
        """Return the distance of two faces in sides of their boxes; infinite where they differ too much in size."""
        if max(self.side, other.side) > GROWTH * min(self.side, other.side):
            return math.inf
        if self.landmarks and other.landmarks:
            away = sum(map(math.dist, self.landmarks, other.landmarks)) / len(self.landmarks)
        else:
            away = math.dist(self.centre, other.centre)
        return away / ((self.side + other.side) / 2)


def _continued(track: Track, found: Detection, time: float) -> Track:
    seconds = time - track.seen
    if seconds <= 0:  # after a clock was set back, or for two frames of one time, the speed is unknown
        return Track(track.id, found, time, track.velocity)
    gain = 1 - math.exp(-seconds / STEADINESS)
    ends = zip(track.velocity, _centre(track.detection), _centre(found), strict=True)
    vx, vy = (before + gain * ((b - a) / seconds - before) for before, a, b in ends)
    return Track(track.id, found, time, (vx, vy))


def _centre(detection: Detection) -> Point:
    x, y, w, h = detection.box
    return x + w / 2, y + h / 2
