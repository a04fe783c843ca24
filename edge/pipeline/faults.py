"""Errors of inessential parts of a run: logged once, counted, and not raised."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from edge.base.errors import UserError
from edge.base.run_statistics import Statistics
from edge.faces.results import FrameResult
from edge.pipeline.output import EventOutput, Output

log = logging.getLogger(__name__)


class Faults:
    """Errors of the inessential parts of a run, from any thread.

    Each part continues after an error and tries again when it is due. A temperature that cannot be read must not end a
    recording of hours.
    """

    def __init__(self, statistics: Statistics) -> None:
        """Count errors as `errors.<part>` in `statistics`."""
        self._statistics = statistics
        self._logged: set[tuple[object, ...]] = set()

    @contextmanager
    def tolerated(self, part: str) -> Iterator[None]:
        """Record an error of the block instead of raising it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - its purpose
            self.note(part, error)

    def note(self, part: str, error: BaseException) -> None:
        """Count an error; log the first of its kind, a bug with its traceback."""
        self._statistics.count(f"errors.{part}")
        kind = (part, type(error), getattr(error, "errno", None), _line(error.__traceback__))
        if kind in self._logged:
            return
        self._logged.add(kind)
        bug = None if isinstance(error, OSError | UserError) else error
        log.warning("%s: %s; the run goes on, further errors like this are only counted", part, error, exc_info=bug)


class Tolerated:
    """An inessential output: a result that it fails on is lost, and the next is tried."""

    def __init__(self, output: Output, faults: Faults) -> None:
        self.name, self.complete = output.name, output.complete
        self._output, self._faults = output, faults

    def __enter__(self) -> Self:
        with self._faults.tolerated(self.name):
            self._output.__enter__()
        return self

    def write(self, result: FrameResult) -> None:
        with self._faults.tolerated(self.name):
            self._output.write(result)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._faults.tolerated(self.name):
            self._output.__exit__(kind, error, trace)


class ToleratedEvents(Tolerated):
    """An inessential output of events."""

    _output: EventOutput

    def __init__(self, output: EventOutput, faults: Faults) -> None:
        super().__init__(output, faults)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        with self._faults.tolerated(self.name):
            self._output.end(events)


def _line(trace: TracebackType | None) -> tuple[str, int] | None:
    """Return file and line of an exception."""
    place = None
    while trace:
        place, trace = (trace.tb_frame.f_code.co_filename, trace.tb_lineno), trace.tb_next
    return place
