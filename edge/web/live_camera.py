"""One camera on the live page, as an output: sends each result to all clients, and a picture of it now and then."""

import itertools
import json
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from edge.base.run_statistics import Statistics
from edge.base.settings import Options
from edge.faces.results import FrameResult
from edge.pipeline.gate import Gate
from edge.sources.frame import Frame
from edge.web.pictures import Encoder
from edge.web.stats import Stats, thresholds
from edge.web.topics import Topic

MAX_PICTURE_CLIENTS, MAX_EVENT_CLIENTS = 8, 16
"""Most clients of each stream at one time."""

MAX_UNSENT_CHANGES = 64
"""Most events of faces that wait for a slow client; older ones are lost."""


class LiveCamera:
    """A camera of the page. While it is paused, nothing of it is kept or sent, not even its last picture.

    Attributes:
        name: name in the statistics.
        camera: name of the camera; empty for a run's only one.
        gate: pauses and resumes it.
        pictures: parts of an MJPEG stream.
        events: server-sent events: `record`, `stats`, `ended`, `change`, an event of a face, and `snapshot`, one that
            a rule has taken.
        stats: statistics of the camera.
        latest: latest record as JSON; None before the first, and while the camera is paused.
        encoder: encodes the pictures.
    """

    name = "live page"
    complete = False

    def __init__(
        self,
        camera: str,
        statistics: Statistics,
        gate: Gate,
        options: Callable[[], Options],
        call: Callable[..., None],
        ended: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            camera: its name; empty for a run's only one.
            statistics: of its recognizer and pipeline.
            gate: pauses and resumes it.
            options: returns its present options, whose thresholds are shown.
            call: runs a function in the server's thread.
            ended: called after its last result.
        """
        self.camera, self.gate = camera, gate
        self.stats, self.encoder = Stats(statistics), Encoder(camera)
        self.pictures, self.events = Topic(MAX_PICTURE_CLIENTS), Topic(MAX_EVENT_CLIENTS)
        self.latest: bytes | None = None
        self._options, self._call, self._ended = options, call, ended
        self._changes = itertools.count()
        self._last: Frame | None = None
        self._lock = threading.Lock()  # a result is kept before or after a pause begins, not meanwhile
        gate.follow(self._follow_gate)

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        with self._lock:
            if self.gate.paused:
                return
            self.stats.note(result)
            self._last = result.frame
            self.latest = result.line.encode()
            picture = self.encoder.part(result.frame) if self.pictures.wanted else None
            self._call(self._publish, event("record", self.latest), picture)
            self.end(result.events)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events of faces; each of them, as far as a client keeps up."""
        for change in () if self.gate.paused else events:
            self._send_each("change", change)

    def tell_snapshot(self, snapshot: dict[str, Any]) -> None:
        """Send the facts of a snapshot; from any thread."""
        if not self.gate.paused:
            self._send_each("snapshot", snapshot)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stats.end()
        with self._lock:
            picture = self.encoder.encoded(self._last) if self._last else None
            self._call(self._end, self.latest, picture)
        self._ended()

    def now(self) -> dict[str, Any]:
        """Return the camera's statistics, its thresholds and the number of viewers."""
        return self.stats.now() | {
            "camera": self.camera,
            "paused_by": self.gate.reasons,
            "thresholds": thresholds(self._options()),
            "watching": {"pictures": len(self.pictures), "events": len(self.events)},
            "pictures_encoded": self.encoder.count,
        }

    def beat(self) -> None:
        """Send statistics, also while no frames come; called in the server's thread."""
        if self.stats.state == "stalled" and not self.pictures.keeps:
            self._keep_last()
        if self.events.wanted:
            self.events.publish("stats", self._now())

    def close_topics(self) -> None:
        """End the streams; called in the server's thread."""
        self.events.close()
        self.pictures.close()

    def _send_each(self, kind: str, facts: dict[str, Any]) -> None:
        """Send an event that does not replace an unsent one of its kind."""
        slot = f"change {next(self._changes) % MAX_UNSENT_CHANGES}"
        self._call(self.events.publish, slot, event(kind, json.dumps(facts).encode()))

    def _now(self) -> bytes:
        return event("stats", json.dumps(self.now()).encode())

    def _keep_last(self) -> None:
        """Keep the last picture of a lost camera for later visitors, with the state that dims it."""
        with self._lock:
            if self._last and self.latest:
                self._keep(self.latest, self.encoder.encoded(self._last))
                self.events.keep("stats", self._now())

    def _keep(self, record: bytes | None, picture: bytes | None) -> None:
        if record:
            self.events.keep("record", event("record", record))
        if picture:
            self.pictures.keep("picture", picture)

    def _follow_gate(self, paused: bool) -> None:
        with self._lock:
            if paused:
                self.latest = self._last = None
                self._call(self._forget)
        self._call(self.beat)

    def _forget(self) -> None:
        self.pictures.forget()
        self.events.forget()

    def _publish(self, record: bytes, picture: bytes | None) -> None:
        self.pictures.release()
        self.events.release()
        self.events.publish("record", record)
        if picture:
            self.pictures.publish("picture", picture)

    def _end(self, record: bytes | None, picture: bytes | None) -> None:
        """Announce the end of the run; later visitors see its last frame."""
        self._keep(record, picture)
        self.events.keep("ended", event("ended", json.dumps({"camera": self.camera}).encode()))


def event(kind: str, data: bytes) -> bytes:
    """Return a server-sent event."""
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
