"""One output of several cameras: each writes to a front of its own."""

import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from edge.faces.results import FrameResult
from edge.pipeline.output import EventOutput, Output

log = logging.getLogger(__name__)

HANGING = 0.3
"""Seconds to wait at the end for a camera that is writing; an output that hangs is abandoned."""


class SharedOutput:
    """Context manager of an output; it is open as long as any camera may write to it."""

    def __init__(self, output: Output) -> None:
        self._output, self._lock = output, threading.Lock()

    def front(self) -> "Front":
        """Return the output of one camera."""
        kind = EventFront if isinstance(self._output, EventOutput) else Front
        return kind(self._output, self._lock)

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock.acquire(timeout=HANGING):
            self._output.__exit__(kind, error, trace)
        else:
            log.warning("%s hangs and is abandoned", self._output.name)


class Front:
    """Output of one camera; results of several are written one after the other."""

    def __init__(self, output: Output, lock: threading.Lock) -> None:
        self.name, self.complete = output.name, output.complete
        self._output, self._lock = output, lock

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        with self._lock:
            self._output.write(result)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the output open for the other cameras."""


class EventFront(Front):
    """Output of one camera's events."""

    _output: EventOutput

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        with self._lock:
            self._output.end(events)
