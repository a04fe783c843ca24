"""One camera of several, on a thread of its own."""

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from edge.base.errors import UserError
from edge.base.settings import EventLimits
from edge.faces.recognizer import Recognizer
from edge.pipeline.feed import opened, waited_for
from edge.pipeline.gate import Gate
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.sources import Source

log = logging.getLogger(__name__)


class Opens(Protocol):
    """The parts of a camera that depend on its settings."""

    def open(self) -> Source:
        """Open the source; raises UserError."""

    def outputs(self, source: Source) -> Sequence[Output]:
        """Return the outputs of the open source; raises UserError."""


class CameraRun:
    """A camera that is waited for, opened and recognized until it ends; its errors are its own.

    Attributes:
        name: its name.
        recognizer: detects and classifies its faces.
        statistics: its statistics.
        gate: pauses and resumes it.
        status: exit status of what has happened: 0, 1 for a bug, 2 for an error of a user's or a damaged recording.
    """

    def __init__(
        self,
        name: str,
        recognizer: Recognizer,
        gate: Gate,
        opens: Opens,
        limits: EventLimits,
        stop: threading.Event,
        *,
        waits: bool,
    ) -> None:
        """Prepare.

        Args:
            name: its name.
            recognizer: detects and classifies its faces.
            gate: pauses and resumes it.
            opens: opens its source and its outputs.
            limits: conditions of its events.
            stop: set by the owner to end it, who then calls `stop`.
            waits: whether a source that is not there yet is waited for; it ends the camera otherwise.
        """
        self.name, self.recognizer, self.statistics, self.gate = name, recognizer, recognizer.statistics, gate
        self.status = 0
        self._opens, self._limits, self._stop, self._waits = opens, limits, stop, waits
        self._pipeline: Pipeline | None = None
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        """Start the camera's thread."""
        self._thread.start()

    def stop(self) -> None:
        """End a camera that runs, and return at once; called when the owner's event was set."""
        if self._pipeline:
            self._pipeline.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the camera's end."""
        self._thread.join(timeout)

    @property
    def running(self) -> bool:
        """Return whether its source has been opened and has not ended."""
        return self._pipeline is not None and self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Return whether it has ended, for whatever reason."""
        return not self._thread.is_alive()

    @property
    def event_limits(self) -> EventLimits:
        """Conditions of its events; others may be set from any thread."""
        return self._limits

    @event_limits.setter
    def event_limits(self, limits: EventLimits) -> None:
        self._limits = limits
        if self._pipeline:
            self._pipeline.event_limits = limits

    def _run(self) -> None:
        try:
            if source := self._opened():
                self._recognize(source)
        except UserError as error:
            log.error("%s: %s", self.name, error)
            self.status = 2
        except Exception:
            log.exception("%s: the camera has ended, the others go on", self.name)  # a bug
            self.status = 1
        finally:
            self.statistics.set("ended", True)

    def _opened(self) -> Source | None:
        """Return the source once it is there and not paused; None when stopped before."""
        logged = False

        def note(error: UserError) -> None:
            nonlocal logged
            if not self._waits:
                raise error
            log.log(logging.INFO if logged else logging.WARNING, "%s: %s; waiting for it", self.name, error.problem)
            logged = True
            self.statistics.count("source.unopened")

        return waited_for(self._attempt, self._stop, note)

    def _attempt(self) -> Source | None:
        return opened(self._opens.open, self._stop) if self.gate.wait(self._stop) else None

    def _recognize(self, source: Source) -> None:
        try:
            outputs = self._opens.outputs(source)
            pipeline = Pipeline(
                source,
                self.recognizer,
                outputs,
                self._opens.open,
                self._limits,
                gate=self.gate,
                name=self.name,
                governed=False,
                iterated=False,
                overlapped=False,
            )
        except BaseException:
            source.close()
            raise
        with pipeline:
            self._pipeline = pipeline
            if self._stop.is_set():  # before there was a pipeline to stop
                pipeline.stop()
            for _ in pipeline:  # of results it takes none, but waits for the end
                pass
        if source.damage:
            log.error("%s: %s; what could be read was kept", self.name, source.damage)
            self.status = 2
