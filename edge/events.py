"""Tells what happened: faces that come and go, and emotions that change. For those who do not want every frame."""

import math
from dataclasses import dataclass
from typing import Any

from edge.results import FaceResult, FrameResult
from edge.track import MEMORY


@dataclass
class _Presence:
    """A face that is there: since when, seen last when, and what it shows since when. Unix seconds."""

    came: float
    seen: float
    source: str
    emotion: str | None
    since: float


class Events:
    """What happened between one result and the next; for one thread.

    An event is a JSON object with `event`, `t` (Unix seconds at which it happened), `source` and `id`, and

    - `face_appeared`: nothing more;
    - `emotion_changed`: `from` and `to`, null where there is no label, and `duration_s`, how long `from` was shown;
    - `face_left`: `emotion`, what it showed last, and `duration_s`, how long it was there. It is known to have left
      when it was not seen for as long as its number is kept; `t` is when it was last seen.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        """`memory` is the seconds for which a face that is not found keeps its number."""
        self._memory = memory
        self._present: dict[int, _Presence] = {}
        self._time = -math.inf

    def update(self, result: FrameResult) -> list[dict[str, Any]]:
        """The events that a frame's result brings, in the order in which they happened."""
        time = result.frame.captured
        self._set_back(self._time - time)
        self._time = time
        gone = [number for number, face in self._present.items() if time - face.seen > self._memory]
        events = [self._left(number) for number in gone]
        for face in result.faces:
            events += self._seen(face, time, result.frame.source)
        return events

    def _set_back(self, seconds: float) -> None:
        """Move what is remembered with a clock that was set back: nobody was here for a negative time, or stays on."""
        for face in self._present.values() if seconds > 0 else ():
            face.came, face.seen, face.since = face.came - seconds, face.seen - seconds, face.since - seconds

    def end(self) -> list[dict[str, Any]]:
        """The events of an end: whoever is there leaves."""
        return [self._left(number) for number in list(self._present)]

    def _seen(self, face: FaceResult, time: float, source: str) -> list[dict[str, Any]]:
        events = []
        present = self._present.get(face.id)
        if present is None:
            present = self._present[face.id] = _Presence(time, time, source, None, time)
            events.append(_event("face_appeared", time, present, face.id))
        if face.emotion != present.emotion:
            change = {"from": present.emotion, "to": face.emotion, "duration_s": round(time - present.since, 3)}
            events.append(_event("emotion_changed", time, present, face.id) | change)
            present.emotion, present.since = face.emotion, time
        present.seen, present.source = time, source
        return events

    def _left(self, number: int) -> dict[str, Any]:
        face = self._present.pop(number)
        stay = {"emotion": face.emotion, "duration_s": round(face.seen - face.came, 3)}
        return _event("face_left", face.seen, face, number) | stay


def _event(name: str, time: float, face: _Presence, number: int) -> dict[str, Any]:
    return {"event": name, "t": round(time, 3), "source": face.source, "id": number}
