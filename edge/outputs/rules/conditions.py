"""Conditions of rules: from results and states of cameras to triggers, without any effect."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edge.base.settings import CONDITIONS, Rule
from edge.faces.results import FaceResult, FrameResult
from edge.faces.tracker import TRACK_TIMEOUT

FACE_APPEARED, FACE_LEFT, EXPRESSION, FACES_REACHED, FACES_BELOW, CAMERA_LOST, CAMERA_BACK = CONDITIONS


@dataclass(frozen=True)
class Trigger:
    """One time that a condition is met.

    Attributes:
        rule: name of the rule.
        when: its condition.
        t: Unix seconds.
        camera: name of the source.
        face: id of the face, if it is about one.
        expression: its expression.
        confidence: of that expression, 0 to 1.
        seconds: how long it has lasted.
        faces: number of faces in the frame.
        result: the frame; None where there is none.
    """

    rule: str
    when: str
    t: float
    camera: str
    face: int | None = None
    expression: str | None = None
    confidence: float | None = None
    seconds: float | None = None
    faces: int | None = None
    result: FrameResult | None = None

    def facts(self) -> dict[str, Any]:
        """Return plain values for JSON, without the picture."""
        return {
            "rule": self.rule,
            "when": self.when,
            "t": round(self.t, 3),
            "camera": self.camera,
            "face": self.face,
            "expression": self.expression,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "faces": self.faces,
        }


class Level:
    """State that changes only when its opposite has lasted for some time."""

    def __init__(self) -> None:
        self._high, self._since = False, math.nan

    def update(self, high: bool, t: float, least: float) -> float | None:
        """Return for how long the opposite has lasted, in seconds, if the state changes now; otherwise None."""
        if high == self._high:
            self._since = math.nan
            return None
        if not self._since <= t:  # it begins now, or the clock was set back
            self._since = t
        lasted = t - self._since
        if lasted < least:
            return None
        self._high, self._since = high, math.nan
        return lasted


@dataclass
class _Lasting:
    """An expression of a face: begin and last sight, Unix seconds, and whether it has triggered."""

    since: float
    seen: float
    told: bool = False


@dataclass
class RuleState:
    """State of one rule; for one thread at a time."""

    rule: Rule
    _levels: dict[str, Level] = field(default_factory=lambda: defaultdict(Level))
    _lasting: dict[tuple[str, int], _Lasting] = field(default_factory=dict)
    _last: float = math.nan

    def update(self, result: FrameResult) -> list[Trigger]:
        """Return the triggers of a frame's result."""
        found = {
            FACE_APPEARED: self._events,
            FACE_LEFT: self._events,
            EXPRESSION: self._expressions,
            FACES_REACHED: self._numbers,
            FACES_BELOW: self._numbers,
        }.get(self.rule.when)
        if found is None or not self._is_about(result.frame.source):
            return []
        return [trigger for trigger in found(result) if self._allows(trigger.t)]

    def update_camera(self, camera: str, away: bool, t: float) -> list[Trigger]:
        """Return the triggers of a camera's state at a time, Unix seconds."""
        if self.rule.when not in (CAMERA_LOST, CAMERA_BACK) or not self._is_about(camera):
            return []
        lasted = self._levels[camera].update(away, t, self.rule.min_seconds)
        if lasted is None or away != (self.rule.when == CAMERA_LOST) or not self._allows(t):
            return []
        return [Trigger(self.rule.name, self.rule.when, t, camera, seconds=lasted)]

    def _is_about(self, camera: str) -> bool:
        return self.rule.camera in (None, camera)

    def _allows(self, t: float) -> bool:
        """Return whether the rule may trigger now; remember that it does."""
        hours = self.rule.hours
        if hours and not any(one.contain(datetime.fromtimestamp(t)) for one in hours):
            return False
        if 0 <= t - self._last < self.rule.min_interval:
            return False
        self._last = t
        return True

    def _events(self, result: FrameResult) -> Iterator[Trigger]:
        for event in result.events:
            if event["event"] == self.rule.when and self._long_enough(event):
                yield Trigger(
                    self.rule.name,
                    self.rule.when,
                    event["t"],
                    event["source"],
                    face=event["id"],
                    expression=event.get("emotion"),
                    seconds=event.get("duration_s"),
                    faces=len(result.faces),
                    result=result,
                )

    def _long_enough(self, event: dict[str, Any]) -> bool:
        return event["event"] == FACE_APPEARED or event["duration_s"] >= self.rule.min_seconds

    def _expressions(self, result: FrameResult) -> Iterator[Trigger]:
        camera, t = result.frame.source, result.frame.captured
        for face in result.faces:
            key = camera, face.id
            if not self._shows(face):
                self._lasting.pop(key, None)
                continue
            lasting = self._lasting.setdefault(key, _Lasting(t, t))
            if not 0 <= t - lasting.seen <= TRACK_TIMEOUT:
                lasting = self._lasting[key] = _Lasting(t, t)
            lasting.seen = t
            if not lasting.told and t - lasting.since >= self.rule.min_seconds:
                lasting.told = True
                yield self._shown(face, result, t - lasting.since)
        # Faces whose number never comes again.
        self._lasting = {
            key: one for key, one in self._lasting.items() if key[0] != camera or t - one.seen <= TRACK_TIMEOUT
        }

    def _shows(self, face: FaceResult) -> bool:
        return face.emotion == self.rule.expression and (face.confidence or 0.0) >= self.rule.min_confidence

    def _shown(self, face: FaceResult, result: FrameResult, seconds: float) -> Trigger:
        return Trigger(
            self.rule.name,
            self.rule.when,
            result.frame.captured,
            result.frame.source,
            face=face.id,
            expression=face.emotion,
            confidence=face.confidence,
            seconds=seconds,
            faces=len(result.faces),
            result=result,
        )

    def _numbers(self, result: FrameResult) -> Iterator[Trigger]:
        camera, t, faces = result.frame.source, result.frame.captured, len(result.faces)
        reached = faces >= (self.rule.faces or 1)
        lasted = self._levels[camera].update(reached, t, self.rule.min_seconds)
        if lasted is not None and reached == (self.rule.when == FACES_REACHED):
            yield Trigger(self.rule.name, self.rule.when, t, camera, seconds=lasted, faces=faces, result=result)
