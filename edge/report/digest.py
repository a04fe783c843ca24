"""Figures of a report, gathered frame by frame in memory that does not grow with the length of the video."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heappush, heappushpop
from itertools import count
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.geometry import Box
from edge.faces.results import FaceResult, FrameResult
from edge.outputs.blur import surroundings

STATES = (*EMOTIONS, "unsure", "not judged")
"""States that a face is counted as: its label, or the reason against one (not judged: small, turned or blurred)."""

BINS, FIRST_WIDTH = 600, 0.1
"""Parts that a timeline has at most, and the seconds of each to begin with; they double when there would be more."""

PERSONS = 24
"""Those who were there longest have figures of their own."""

LONGEST = 60
"""Episodes of each emotion that are listed."""

PICTURED = 8
"""Episodes of each emotion that have a picture, the longest."""

PICTURE_SIDE, PICTURE_MARGIN, JPEG_QUALITY = 112, 0.35, 80
"""Pixels; what is seen around the face, in shares of its box; of 100."""


@dataclass
class Episode:
    """A stretch of time in which a person showed one emotion. Times are seconds from the start of the video.

    Attributes:
        person: number of the track.
        emotion: the label.
        before: what was shown before, None where there was no label.
        start: of the first frame with it.
        end: of the first frame without it, or of the last frame in which the person was seen.
        peak: highest probability of the label.
        peak_time: when that was.
        picture: JPEG of the face at the peak, where one is wanted.
    """

    person: int
    emotion: str
    before: str | None
    start: float
    end: float = 0.0
    peak: float = 0.0
    peak_time: float = 0.0
    picture: bytes | None = None

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass
class Person:
    """Figures of one person.

    Attributes:
        id: number of the track.
        first, last: seconds at which the person was first and last seen.
        bins: float64 `[BINS, 9 + 7]`: of each part of the video, seconds in each of `STATES`, and the probabilities
            times the seconds for which they held, where the face could be judged.
        episodes: how many there were of each emotion.
    """

    id: int
    first: float
    last: float
    bins: np.ndarray = field(default_factory=lambda: np.zeros((BINS, len(STATES) + len(EMOTIONS))))
    episodes: Counter[str] = field(default_factory=Counter)

    @property
    def seconds(self) -> np.ndarray:
        """Float64 `[9]`: seconds in each of `STATES`."""
        return self.bins[:, : len(STATES)].sum(axis=0)

    @property
    def present(self) -> float:
        """Seconds for which the face was seen."""
        return float(self.seconds.sum())


class Digest:
    """Takes results in and keeps what a report needs. An output of a pipeline whose events are of every change.

    Attributes:
        frames, frames_with_faces, faces, episodes_seen: how many there were.
        size: width and height of the first frame, pixels.
        duration: seconds from the start of the first frame to the end of the last.
        width: seconds of each part of the timelines.
        left_out, left_out_seconds: persons who have no figures of their own, and how long they were there.
    """

    name = "report"
    complete = True

    def __init__(self, pictures: bool) -> None:
        self.frames = self.frames_with_faces = self.faces = self.episodes_seen = self.left_out = 0
        self.duration = self.left_out_seconds = 0.0
        self.size = (0, 0)
        self.width = FIRST_WIDTH
        self._pictures = pictures
        self._persons: dict[int, Person] = {}
        self._gone: set[int] = set()
        self._open: dict[int, Episode] = {}
        self._faces_at_peak: dict[int, np.ndarray] = {}
        self._longest: dict[str, list[tuple[float, int, Episode]]] = {emotion: [] for emotion in EMOTIONS}
        self._order = count()
        self._last: tuple[float, tuple[FaceResult, ...]] | None = None
        self._spacing = 0.0

    def __enter__(self) -> "Digest":
        return self

    def write(self, result: FrameResult) -> None:
        time = result.frame.captured
        self._spend(time)
        self._happened(result.events, time)
        for face in result.faces:
            self._persons[face.id].last = time
            if face.label is not None and face.confidence > self._open[face.id].peak:
                self._at_peak(face, result)
        self.size = self.size if self.frames else (result.frame.width, result.frame.height)
        self.frames += 1
        self.faces += len(result.faces)
        self.frames_with_faces += bool(result.faces)
        self._last = time, result.faces

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._last:
            self.duration = self._last[0] + self._spacing
            self._spend(self.duration)  # the last frame is taken to last as long as the one before it
            for number in self._persons.keys() - self._gone:
                self._leave(number)

    @property
    def persons(self) -> list[Person]:
        """Those with figures of their own, in the order of their numbers."""
        return [self._persons[number] for number in sorted(self._persons)]

    @property
    def episodes(self) -> list[Episode]:
        """The longest of each emotion, in the order of their times; the very longest of them with pictures."""
        kept = []
        for heap in self._longest.values():
            for place, (_, _, episode) in enumerate(sorted(heap, reverse=True)):
                kept.append(episode if place < PICTURED else replace(episode, picture=None))
        return sorted(kept, key=lambda episode: (episode.start, episode.person))

    def _spend(self, until: float) -> None:
        """Count each face of the last frame for the time until the next one."""
        if self._last is None:
            return
        since, faces = self._last
        self._spacing = max(0.0, until - since)
        while until >= BINS * self.width:
            self._halve()
        bins, shares = _spread(since, until, self.width)
        for face in faces:
            self._persons[face.id].bins[bins] += shares[:, None] * _state(face)

    def _halve(self) -> None:
        self.width *= 2
        for person in self._persons.values():
            pairs = person.bins.reshape(BINS // 2, 2, -1).sum(axis=1)
            person.bins = np.concatenate([pairs, np.zeros_like(pairs)])

    def _happened(self, events: Sequence[dict[str, Any]], time: float) -> None:
        for event in events:
            number = event["id"]
            if event["event"] == "face_appeared":
                self._persons[number] = Person(number, time, time)
            elif event["event"] == "face_left":
                self._leave(number)
            else:
                self._close(number, time)
                if event["to"]:
                    self._open[number] = Episode(number, event["to"], event["from"], time)

    def _leave(self, number: int) -> None:
        self._close(number, self._persons[number].last)
        self._gone.add(number)
        self._leave_out()

    def _at_peak(self, face: FaceResult, result: FrameResult) -> None:
        episode = self._open[face.id]
        episode.peak, episode.peak_time = face.confidence, result.frame.captured
        if self._pictures:
            self._faces_at_peak[face.id] = _cut(result.frame.image, face.box)

    def _close(self, number: int, time: float) -> None:
        """End the person's episode, if there is one, and keep it if it is among the longest."""
        episode = self._open.pop(number, None)
        picture = self._faces_at_peak.pop(number, None)
        if episode is None:
            return
        episode.end = time
        episode.picture = None if picture is None else _jpeg(picture)
        self.episodes_seen += 1
        self._persons[number].episodes[episode.emotion] += 1
        heap, entry = self._longest[episode.emotion], (episode.duration, -next(self._order), episode)
        if len(heap) < LONGEST:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)

    def _leave_out(self) -> None:
        """Forget the person who is gone and was there for the shortest time, where there are too many."""
        if len(self._gone) > PERSONS:
            shortest = min((self._persons[number] for number in self._gone), key=lambda person: person.present)
            self.left_out += 1
            self.left_out_seconds += shortest.present
            self._gone.remove(shortest.id)
            del self._persons[shortest.id]


def _state(face: FaceResult) -> np.ndarray:
    """Float64 `[9 + 7]`: one for the state, and the probabilities where the face could be judged."""
    judged = face.reason in (None, "unsure")
    state = face.label if face.label is not None else STATES.index("unsure" if judged else "not judged")
    return np.concatenate([np.eye(len(STATES))[state], face.probabilities * judged])


def _spread(start: float, end: float, width: float) -> tuple[slice, np.ndarray]:
    """Yield the parts that the time from `start` to `end` falls into, and the seconds in each."""
    first, last = int(start / width), int(end / width)
    edges = np.arange(first, last + 2) * width
    seconds = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    return slice(first, last + 1), np.clip(seconds, 0, None)


def _cut(image: np.ndarray, box: Box) -> np.ndarray:
    """The face and what is around it, uint8 BGR, its longer side `PICTURE_SIDE` pixels."""
    x0, y0, x1, y1 = surroundings(box, PICTURE_MARGIN, image)
    scale = PICTURE_SIDE / max(1, x1 - x0, y1 - y0)
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    return cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)


def _jpeg(picture: np.ndarray) -> bytes:
    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return content.tobytes()
