"""Gives each face a number and keeps it while the face moves."""

from dataclasses import dataclass

import numpy as np

from edge.detect import Detection
from edge.geometry import Box, overlap

MEMORY = 1.0
"""Seconds for which a face that is not found keeps its number."""

MIN_OVERLAP = 0.2
"""Lowest intersection over union at which a detection continues a track."""


@dataclass(frozen=True)
class Track:
    """A face that is being followed, as it was last found.

    Attributes:
        id: number from 1, never used again.
        detection: where it was.
        seen: capture time of that frame, Unix seconds.
    """

    id: int
    detection: Detection
    seen: float


class Tracker:
    """Continues tracks by overlap: most of the time faces move less than their own size between two frames."""

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory
        self._tracks: dict[int, Track] = {}
        self._last_id = 0

    def update(self, detections: list[Detection], time: float) -> list[Track]:
        """Assign the detections of the next frame.

        Args:
            detections: faces found in the frame.
            time: its capture time in Unix seconds.

        Returns:
            One track for each detection, in the same order.
        """
        alive = [track for track in self._tracks.values() if time - track.seen <= self._memory]
        matches = match_boxes([t.detection.box for t in alive], [d.box for d in detections])
        current = [
            Track(alive[matches[i]].id if i in matches else self._new_id(), detection, time)
            for i, detection in enumerate(detections)
        ]
        self._tracks = {track.id: track for track in [*alive, *current]}
        return current

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


def match_boxes(old: list[Box], new: list[Box]) -> dict[int, int]:
    """Pair boxes (x, y, w, h) greedily, the largest overlap first.

    Returns:
        For each new box that has one, by its index, the index of its old box.
    """
    overlaps = overlap(np.array(old).reshape(-1, 4), np.array(new).reshape(-1, 4))
    matches: dict[int, int] = {}
    while overlaps.size and overlaps.max() >= MIN_OVERLAP:
        i, j = np.unravel_index(overlaps.argmax(), overlaps.shape)
        matches[int(j)] = int(i)
        overlaps[i, :] = overlaps[:, j] = 0
    return matches
