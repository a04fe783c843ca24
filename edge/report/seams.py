"""Tracks joined at the seams between the stretches of a video."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from edge.base.geometry import Box, overlap
from edge.faces.results import FrameResult
from edge.faces.tracker import TRACK_TIMEOUT
from edge.report.parts import Part

SAME_FACE = 0.3
"""Least overlap of the boxes of one face that two stretches have read at about the same time."""


def joined(parts: Iterable[Part]) -> Iterator[FrameResult]:
    """Yield the results of all parts in order, numbered like those of a video in one piece.

    A face in the last second before a seam, which both stretches have read, keeps its number across the seam.
    """
    persons, frames, before = count(1), count(), _LastSeen()
    for part in parts:
        lead_in = _LastSeen()
        for result in part.lead_in():
            lead_in.add(result)
        numbers = _matched(lead_in.places(), before.places())
        for result in part.own():
            for face in result.faces:
                if face.id not in numbers:
                    numbers[face.id] = next(persons)
            faces = tuple(replace(face, id=numbers[face.id]) for face in result.faces)
            whole = replace(result, faces=faces, frame=replace(result.frame, seq=next(frames)))
            before.add(whole)
            yield whole


class _LastSeen:
    """The places of the faces that a tracker knows after the last result."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, Box]] = {}
        self._time = 0.0

    def add(self, result: FrameResult) -> None:
        self._time = result.frame.captured
        self._seen |= {face.id: (self._time, face.box) for face in result.faces}

    def places(self) -> dict[int, Box]:
        """Return the boxes of the faces seen within the tracker's time-out, by number."""
        return {number: box for number, (time, box) in self._seen.items() if self._time - time <= TRACK_TIMEOUT}


def _matched(lead_in: dict[int, Box], before: dict[int, Box]) -> dict[int, int]:
    """Return the numbers of persons in the whole by those in a stretch, the best matches first."""
    if not lead_in or not before:
        return {}
    ours, theirs = list(lead_in), list(before)
    shared = overlap(np.array(list(lead_in.values())), np.array(list(before.values())))
    found: dict[int, int] = {}
    for i in np.argsort(-shared, axis=None, kind="stable"):
        row, column = divmod(int(i), len(theirs))
        number, same = ours[row], theirs[column]
        if shared[row, column] >= SAME_FACE and number not in found and same not in found.values():
            found[number] = same
    return found
