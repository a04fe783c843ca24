"""Figures of a report, collected frame by frame in memory that does not grow with the video."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappush, heappushpop
from itertools import count
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from edge.base.geometry import Box
from edge.faces.results import FaceResult, FrameResult
from edge.outputs.blur import surroundings
from edge.sources.pixels import Pixels

UNLABELLED = ("unsure", "not judged")
"""States of a face without a label (not judged: small, turned or blurred); the others are the classes."""

TIMELINE_BINS, FIRST_BIN_SECONDS = 600, 0.1
"""Most parts of a timeline, and the initial seconds of each; they double when there would be more parts."""

ROUNDING = 1e-9
"""Seconds that are an error of rounding at the edge of a part."""

PERSONS = 24
"""Most persons with numbers of their own: those who were there longest."""

LONGEST = 60
"""Most listed episodes of each emotion."""

PICTURED = 8
"""Most episodes of each emotion with a picture, the longest ones."""

PICTURE_SIDE, PICTURE_MARGIN, JPEG_QUALITY = 112, 0.35, 80
"""Longer side in pixels, margin around the face in shares of its box, and JPEG quality of 100."""


@dataclass
class Episode:
    """A stretch of time in which a person showed one emotion. Times are seconds from the start of the video.

    Attributes:
        person: id of the track.
        emotion: label.
        before: label before; None without one.
        start: time of the first frame with the label.
        end: time of the first frame without it, or of the last frame in which the person was seen.
        peak: highest probability of the label.
        peak_time: time of the peak.
        peak_box: box of the face at the peak.
        picture: JPEG of the face at the peak, if wanted.
    """

    person: int
    emotion: str
    before: str | None
    start: float
    end: float = 0.0
    peak: float = 0.0
    peak_time: float = 0.0
    peak_box: Box = (0.0, 0.0, 0.0, 0.0)
    picture: bytes | None = None

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass
class Person:
    """Figures of one person.

    Attributes:
        id: id of the track.
        first, last: times at which the person was first and last seen, seconds.
        classes: names of the model's classes.
        bins: float64 `[TIMELINE_BINS, states + classes]`: for each part of the video, seconds in each state, and the
            probabilities times their duration, where the face was read.
        episodes: number of episodes of each emotion.
    """

    id: int
    first: float
    last: float
    classes: tuple[str, ...]
    bins: np.ndarray = field(init=False)
    episodes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.bins = np.zeros((TIMELINE_BINS, len(self.states) + len(self.classes)))

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that a face is counted as."""
        return (*self.classes, *UNLABELLED)

    @property
    def seconds(self) -> np.ndarray:
        """Return the seconds in each state, float64 `[states]`."""
        return self.bins[:, : len(self.states)].sum(axis=0)

    @property
    def present(self) -> float:
        """Return the seconds for which the face was seen."""
        return float(self.seconds.sum())

    def add(self, face: FaceResult, bins: slice, seconds: np.ndarray) -> None:
        """Count a result of the person for some time, float64 `[bins]`."""
        unsure, not_judged = range(len(self.classes), len(self.states))
        if face.probabilities is None:
            self.bins[bins, not_judged] += seconds
        else:
            self.bins[bins, unsure if face.label is None else face.label] += seconds
            self.bins[bins, len(self.states) :] += seconds[:, None] * face.probabilities


class Digest:
    """Output that collects the numbers of a report, from a pipeline in which every change of a label is an event.

    Attributes:
        frames, frames_with_faces, faces, episodes_seen: numbers of each.
        size: width and height of the first frame, pixels.
        duration: seconds from the start of the first frame to the end of the last.
        width: seconds of each part of the timelines.
        classes: names of the model's classes.
        left_out, left_out_seconds: number of persons without numbers of their own, and the seconds for which they were
            there.
    """

    name = "report"
    complete = True

    def __init__(
        self, pictures: bool, classes: tuple[str, ...], note: Callable[[Episode], None] = lambda episode: None
    ) -> None:
        """Begin; `note` is called with each episode when it ends."""
        self.frames = self.frames_with_faces = self.faces = self.episodes_seen = self.left_out = 0
        self.duration = self.left_out_seconds = 0.0
        self.size = (0, 0)
        self.width = FIRST_BIN_SECONDS
        self.classes = classes
        self._pictures, self._note = pictures, note
        self._persons: dict[int, Person] = {}
        self._gone: set[int] = set()
        self._open: dict[int, Episode] = {}
        self._faces_at_peak: dict[int, np.ndarray] = {}
        self._longest: dict[str, list[tuple[float, int, Episode]]] = {name: [] for name in classes}
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
            if face.label is not None and face.confidence is not None:
                self._note_peak(face, face.confidence, result)
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
        """Return the persons with numbers of their own, by id."""
        return [self._persons[number] for number in sorted(self._persons)]

    @property
    def episodes(self) -> list[Episode]:
        """Return the longest episodes of each emotion in the order of time; the longest of these have pictures."""
        kept = []
        for heap in self._longest.values():
            for place, (_, _, episode) in enumerate(sorted(heap, reverse=True)):
                kept.append(episode if place < PICTURED else replace(episode, picture=None))
        return sorted(kept, key=lambda episode: (episode.start, episode.person))

    def take_pictures(self, frame_at: Callable[[float], Pixels | None]) -> None:
        """Make the pictures of the longest episodes, of results that came without pixels, from the frames at a time."""
        longest = [
            episode for heap in self._longest.values() for _, _, episode in sorted(heap, reverse=True)[:PICTURED]
        ]
        for episode in sorted(longest, key=lambda episode: episode.peak_time):
            if (pixels := frame_at(episode.peak_time)) is not None:
                episode.picture = _jpeg(_cut(pixels, episode.peak_box))

    def _spend(self, until: float) -> None:
        """Count each face of the last frame for the time until the next one."""
        if self._last is None:
            return
        since, faces = self._last
        self._spacing = max(0.0, until - since)
        while until >= TIMELINE_BINS * self.width:
            self._halve()
        bins, shares = _spread(since, until, self.width)
        for face in faces:
            self._persons[face.id].add(face, bins, shares)

    def _halve(self) -> None:
        self.width *= 2
        for person in self._persons.values():
            pairs = person.bins.reshape(TIMELINE_BINS // 2, 2, -1).sum(axis=1)
            person.bins = np.concatenate([pairs, np.zeros_like(pairs)])

    def _happened(self, events: Sequence[dict[str, Any]], time: float) -> None:
        for event in events:
            number = event["id"]
            if event["event"] == "face_appeared":
                self._persons[number] = Person(number, time, time, self.classes)
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

    def _note_peak(self, face: FaceResult, confidence: float, result: FrameResult) -> None:
        episode = self._open[face.id]
        if confidence <= episode.peak:
            return
        episode.peak, episode.peak_time, episode.peak_box = confidence, result.frame.captured, face.box
        if self._pictures:
            self._faces_at_peak[face.id] = _cut(result.frame.pixels, face.box)

    def _close(self, number: int, time: float) -> None:
        """End the person's episode, if any, and keep it if it is among the longest."""
        episode = self._open.pop(number, None)
        picture = self._faces_at_peak.pop(number, None)
        if episode is None:
            return
        episode.end = time
        self._note(episode)
        episode.picture = None if picture is None else _jpeg(picture)
        self.episodes_seen += 1
        self._persons[number].episodes[episode.emotion] += 1
        heap, entry = self._longest[episode.emotion], (episode.duration, -next(self._order), episode)
        if len(heap) < LONGEST:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)

    def _leave_out(self) -> None:
        """If there are too many persons, forget the one that has left and was there for the shortest time."""
        if len(self._gone) > PERSONS:
            shortest = min((self._persons[number] for number in self._gone), key=lambda person: person.present)
            self.left_out += 1
            self.left_out_seconds += shortest.present
            self._gone.remove(shortest.id)
            del self._persons[shortest.id]


def _spread(start: float, end: float, width: float) -> tuple[slice, np.ndarray]:
    """Return the parts of the timeline between `start` and `end`, and the seconds in each."""
    bins = range(int(start / width), int(end / width) + 1)
    seconds = [min((part + 1) * width, end) - max(part * width, start) for part in bins]
    return slice(bins.start, bins.stop), np.array([share if share > ROUNDING else 0.0 for share in seconds])


def _cut(pixels: Pixels, box: Box) -> np.ndarray:
    """Crop the face with its surroundings, uint8 BGR; the longer side has `PICTURE_SIDE` pixels."""
    area = surroundings(box, PICTURE_MARGIN, pixels)
    scale = PICTURE_SIDE / max(area.size)
    size = max(1, round(area.width * scale)), max(1, round(area.height * scale))
    return pixels.part(area, size, cv2.INTER_AREA)


def _jpeg(picture: np.ndarray) -> bytes:
    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return content.tobytes()
