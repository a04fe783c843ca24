"""Events: faces that appear and leave, and emotions that change and last."""

import math
from dataclasses import dataclass, replace
from typing import Any

from edge.base.settings import EventLimits
from edge.faces.results import FaceResult, FrameResult
from edge.faces.tracker import TRACK_TIMEOUT

EVERY_CHANGE = EventLimits(min_seconds=0.0, min_confidence=0.0)
"""Limits with which each change of a label is an event at once."""


@dataclass
class _Presence:
    """A face that is present. Times are Unix seconds.

    Attributes:
        came, seen: times at which it was first and last seen.
        source: name of the source.
        emotion, since: emotion of its last event, and the time at which it began.
        next_emotion, next_since: newer emotion, not an event before it has lasted, and the time at which it began.
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
    """Finds the events between one result and the next; for one thread. Others may replace `limits`.

    An event is a JSON object with `event`, `t` (Unix seconds at which it happened), `source` and `id`. In addition

    - `face_appeared` has nothing more;
    - `emotion_changed` has `from` and `to`, null without an emotion, and `duration_s`, the time that `from` lasted. The
      event comes when `to` has lasted for the minimum duration with the minimum confidence in each frame; `t` is when
      `to` began. After its event, an emotion lasts as long as it is the label, at any confidence;
    - `face_left` has `emotion`, that of the last event, and `duration_s`, the time that the face was there. The event
      comes when the face has not been seen for the tracker's time-out; `t` is when it was last seen.
    """

    def __init__(self, limits: EventLimits, memory: float = TRACK_TIMEOUT) -> None:
        """Begin without faces; `memory` is the tracker's time-out in seconds."""
        self.limits, self._memory = limits, memory
        self._present: dict[int, _Presence] = {}
        self._time = -math.inf

    def update(self, result: FrameResult) -> list[dict[str, Any]]:
        """Return the events of a frame's result."""
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
        """Return a face at its present place with the last result that shows the emotion of its last event.

        So emotion and probabilities agree. None before the first event of a face's emotion.
        """
        present = self._present.get(face.id)
        if present is None or present.settled is None:
            return None
        return replace(present.settled, box=face.box, score=face.score)

    def end(self) -> list[dict[str, Any]]:
        """Return the events at the end of a run: all present faces leave."""
        return [self._left(number) for number in list(self._present)]

    def _set_back(self, seconds: float) -> None:
        """Shift remembered times where the clock was set back, so that no duration is negative."""
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
        if emotion != present.emotion and time - present.next_since >= self.limits.min_seconds:
            events.append(self._changed(present, face.id))
        if emotion == present.emotion:
            present.settled = face
        return events

    def _shown(self, face: FaceResult, present: _Presence) -> str | None:
        """Return the label where it is that of the last event or probable enough for one; otherwise None."""
        known = face.emotion == present.emotion
        return face.emotion if known or (face.confidence or 0.0) >= self.limits.min_confidence else None

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
