"""Events: faces that come and go, and emotions that change and last. For those who do not want every frame."""

import math
from dataclasses import dataclass, replace
from typing import Any

from edge.base.settings import EventLimits
from edge.faces.results import FaceResult, FrameResult
from edge.faces.tracker import TRACK_TIMEOUT

EVERY_CHANGE = EventLimits(min_seconds=0.0, min_confidence=0.0)
"""Limits under which each change of a label is an event at once."""


@dataclass
class _Presence:
    """A face that is present. Times are Unix seconds.

    Attributes:
        came, seen: when it was seen first and last.
        source: where.
        emotion, since: what was last told of it, and since when it shows that.
        next_emotion, next_since: what it has shown since then, which is not told before it has lasted.
        settled: its last result that shows `emotion`.
    """

    came: float
    seen: float
    source: str
    emotion: str | None
    since: float
    next_emotion: str | None
    next_since: float
    settled: FaceResult | None = None


class Events:
    """Events between one result and the next; for one thread.

    An event is a JSON object with `event`, `t` (Unix seconds at which it happened), `source` and `id`, and

    - `face_appeared`: nothing more;
    - `emotion_changed`: `from` and `to`, null where there is none, and `duration_s`, how long `from` lasted. It is told
      when `to` has lasted for the minimum duration, each frame with the minimum confidence; `t` is when `to` began.
      Once told, an emotion lasts as long as it is the label, at whatever confidence;
    - `face_left`: `emotion`, the last one told, and `duration_s`, how long it was there. It is known to have left
      when it was not seen for as long as its number is kept; `t` is when it was last seen.
    """

    def __init__(self, limits: EventLimits, memory: float = TRACK_TIMEOUT) -> None:
        """`memory` is the seconds for which a face that is not found keeps its number."""
        self._limits, self._memory = limits, memory
        self._present: dict[int, _Presence] = {}
        self._time = -math.inf

    def update(self, result: FrameResult) -> list[dict[str, Any]]:
        """Events of a frame's result; a change of emotion comes with the frame in which it has lasted."""
        time = result.frame.captured
        self._set_back(self._time - time)
        self._time = time
        gone = [number for number, face in self._present.items() if time - face.seen > self._memory]
        events = [self._left(number) for number in gone]
        for face in result.faces:
            events += self._seen(face, time, result.frame.source)
        return events

    def add_to(self, result: FrameResult) -> FrameResult:
        """Return the result with its events and the settled results of its faces."""
        events = tuple(self.update(result))
        settled = {face.id: found for face in result.faces if (found := self.settled(face))}
        return replace(result, events=events, settled=settled)

    def settled(self, face: FaceResult) -> FaceResult | None:
        """The last result of a face that shows the emotion last told of it, where the face is now.

        So label and probabilities agree. None before a new face has shown anything for long enough.
        """
        present = self._present.get(face.id)
        if present is None or present.settled is None:
            return None
        return replace(present.settled, box=face.box, score=face.score)

    def end(self) -> list[dict[str, Any]]:
        """The events of an end: whoever is there leaves."""
        return [self._left(number) for number in list(self._present)]

    def _set_back(self, seconds: float) -> None:
        """Move what is remembered with a clock that was set back: nobody was here for a negative time, or stays on."""
        for face in self._present.values() if seconds > 0 else ():
            face.came, face.seen = face.came - seconds, face.seen - seconds
            face.since, face.next_since = face.since - seconds, face.next_since - seconds

    def _seen(self, face: FaceResult, time: float, source: str) -> list[dict[str, Any]]:
        events = []
        present = self._present.get(face.id)
        if present is None:
            present = self._present[face.id] = _Presence(time, time, source, None, time, None, time)
            events.append(_event("face_appeared", time, present, face.id))
        present.seen, present.source = time, source
        emotion = self._shown(face, present)
        if emotion != present.next_emotion:
            present.next_emotion, present.next_since = emotion, time
        if emotion != present.emotion and time - present.next_since >= self._limits.min_seconds:
            events.append(self._changed(present, face.id))
        if emotion == present.emotion:
            present.settled = face
        return events

    def _shown(self, face: FaceResult, present: _Presence) -> str | None:
        """The label, where it is told already or probable enough to be."""
        known = face.emotion == present.emotion
        return face.emotion if known or face.confidence >= self._limits.min_confidence else None

    def _changed(self, present: _Presence, number: int) -> dict[str, Any]:
        duration = round(present.next_since - present.since, 3)
        change = {"from": present.emotion, "to": present.next_emotion, "duration_s": duration}
        present.emotion, present.since = present.next_emotion, present.next_since
        return _event("emotion_changed", present.since, present, number) | change

    def _left(self, number: int) -> dict[str, Any]:
        face = self._present.pop(number)
        stay = {"emotion": face.emotion, "duration_s": round(face.seen - face.came, 3)}
        return _event("face_left", face.seen, face, number) | stay


def _event(name: str, time: float, face: _Presence, number: int) -> dict[str, Any]:
    return {"event": name, "t": round(time, 3), "source": face.source, "id": number}
