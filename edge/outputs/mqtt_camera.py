"""One camera's states and events, as `edge.outputs.mqtt` publishes them."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

from edge.base.run_statistics import Statistics
from edge.base.settings import EventLimits
from edge.faces.results import FaceResult, FrameResult, MainFace
from edge.pipeline.gate import SWITCH, Gate

LEFT_OUT = "mqtt.events_left_out"
"""Counter of events that were not published."""

HEARTBEAT = 30.0
"""Seconds after which an unchanged state is published again."""

STEADY = ("fps", "temperature")
"""Keys of the state whose changes do not publish it."""

NO_FRAMES = 10.0
"""Seconds over which the frame rate is measured, and after which there are no frames."""

EVENTS_A_SECOND = 20
"""Most events published in a second; others are counted. Six faces that appear at once make twelve."""

ON, OFF = "ON", "OFF"
"""Payloads of switches."""


@dataclass(frozen=True)
class Scene:
    """The faces in front of the camera.

    Attributes:
        faces: number of faces; None while it is unknown.
        main: the main face with its last event's emotion, see `FrameResult.settled`.
    """

    faces: int | None = None
    main: FaceResult | None = None


UNKNOWN_SCENE = Scene()


def state(
    scene: Scene, fps: float | None, conditions: Mapping[str, Any], left_out: int, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the state as a JSON object.

    Args:
        scene: the latest scene; `UNKNOWN_SCENE` where it is out of date.
        fps: present frame rate; None while it is unknown.
        conditions: states of `edge.base.run_statistics`.
        left_out: number of events that were not published.
        classes: names of the model's classes.

    Returns:
        `emotion`, `confidence` and `shares` (percent, by class) of the main face, null without a face, before its first
        event and where the face cannot be read; `emotion` is also null where the model is not sure. `faces`, the number
        of faces; `fps`; `temperature`, degrees Celsius; `trouble`, a list of words; `events_left_out`.
    """
    main = scene.main
    confidence, probabilities = (main.confidence, main.probabilities) if main else (None, None)
    temperature = conditions.get("temperature")
    trouble = {
        "no frames": fps == 0,
        "slowed down": conditions.get("slowed"),
        "undervoltage": conditions.get("undervoltage"),
    }
    return {
        "emotion": main.emotion if main else None,
        "confidence": None if confidence is None else _percent(confidence) / 100,
        "shares": {
            name: None if probabilities is None else _percent(probabilities[i]) for i, name in enumerate(classes)
        },
        "faces": scene.faces,
        "fps": None if fps is None else round(fps, 1),
        "temperature": None if temperature is None else round(temperature),
        "trouble": [word for word, there in trouble.items() if there],
        "events_left_out": left_out,
    }


def _percent(probability: float) -> int:
    return round(100 * float(probability))


class Adjusts(Protocol):
    """Something with conditions of events that others may replace."""

    @property
    def event_limits(self) -> EventLimits:
        """The conditions."""

    @event_limits.setter
    def event_limits(self, limits: EventLimits) -> None: ...


class MqttCamera:
    """Output of one camera, with topics below a prefix of its own.

    Attributes:
        name: name in the statistics.
        prefix: of its topics.
        statistics: of the camera.
        pause: topic of whether it is paused; below it, `set` takes commands.
        confidence: topic of the lowest confidence of its events; below it, `set` takes others.
        adjusts: has the conditions of its events, as soon as the camera runs.
        published: the last state that was published.
        published_at: time of that, by a steady clock.
    """

    name = "mqtt"
    complete = False

    def __init__(
        self, prefix: str, statistics: Statistics, gate: Gate, tell: Callable[["MqttCamera", dict[str, Any]], None]
    ) -> None:
        """Prepare.

        Args:
            prefix: of its topics.
            statistics: of the camera.
            gate: pauses and resumes it.
            tell: publishes an event, or keeps it until that is possible.
        """
        self.prefix, self.statistics = prefix, statistics
        self.state, self.availability, self.events, self.pause, self.picture, self.confidence = (
            f"{prefix}/{name}" for name in ("state", "availability", "events", "pause", "snapshot", "confidence")
        )
        self.published: dict[str, Any] = {}
        self.published_at = -math.inf
        self.told: dict[str, str] = {}
        self.adjusts: Adjusts | None = None
        self._gate, self._tell, self._ration = gate, tell, _Ration()
        self._main, self._scene = MainFace(), UNKNOWN_SCENE

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        self.end(result.events)
        main = self._main.of(result.faces)
        self._scene = Scene(len(result.faces), result.settled.get(main.id) if main else None)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            if self._ration.take():
                self._tell(self, event)
            else:
                self.statistics.count(LEFT_OUT)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the connection to the other cameras."""

    @property
    def ended(self) -> bool:
        """Return whether the camera has ended, while others of the run go on."""
        return bool(self.statistics.states().get("ended"))

    @property
    def switch(self) -> str:
        """Payload of the pause."""
        return ON if self._gate.paused else OFF

    def command(self, payload: bytes) -> None:
        """Pause or resume the camera, as a command says."""
        if payload in (ON.encode(), OFF.encode()):
            self._gate.set(SWITCH, payload == ON.encode())

    @property
    def least_confidence(self) -> str:
        """Payload of the lowest confidence of events; empty while the camera does not run."""
        return f"{self.adjusts.event_limits.min_confidence:g}" if self.adjusts else ""

    def adjust(self, payload: bytes) -> None:
        """Use another lowest confidence of events, as a command says, until the settings are read again."""
        try:
            confidence = float(payload)
        except ValueError:
            return
        if self.adjusts and 0 <= confidence <= 1:
            self.adjusts.event_limits = replace(self.adjusts.event_limits, min_confidence=confidence)

    def now(self, classes: Sequence[str], board: Mapping[str, Any]) -> dict[str, Any]:
        """Return the present state; `board` has the states of `edge.base.run_statistics` that all cameras share."""
        fps = None if self._gate.paused else self.statistics.recent_fps(NO_FRAMES)
        # Faces from before the camera was lost or paused are out of date.
        scene = UNKNOWN_SCENE if fps == 0 or self._gate.paused else self._scene
        return state(scene, fps, board, self.statistics.count_of(LEFT_OUT), classes)

    def is_due(self, current: Mapping[str, Any], now: float) -> bool:
        """Return whether a state must be published, since it has changed or the last one is old."""
        changed = any(current[key] != self.published.get(key) for key in current if key not in STEADY)
        return changed or now - self.published_at >= HEARTBEAT


class _Ration:
    """Limit on events per second."""

    def __init__(self) -> None:
        self._since, self._left = -math.inf, 0

    def take(self) -> bool:
        """Take one; return False if none is left."""
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._since, self._left = now, EVENTS_A_SECOND
        self._left -= 1
        return self._left >= 0
