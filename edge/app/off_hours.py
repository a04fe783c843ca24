"""Hours in which cameras are off."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from edge.base.hours import Hours
from edge.pipeline.faults import Faults
from edge.pipeline.gate import HOURS, Gate

CLOCK_INTERVAL = 1.0
"""Seconds between two looks at the clock, which may be set meanwhile."""


class OffHours:
    """Pauses and resumes cameras by the time of day, on a thread of its own."""

    def __init__(
        self,
        gates: Mapping[str, Gate],
        off: Mapping[str, Sequence[Hours]],
        faults: Faults,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """Pause the cameras that are off now.

        Args:
            gates: of the cameras, by their names.
            off: hours of each camera.
            faults: records errors.
            now: returns the local time.
        """
        self._gates, self._off, self._faults, self._now = gates, off, faults, now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hours", daemon=True)
        self.update()

    def set_off(self, off: Mapping[str, Sequence[Hours]]) -> None:
        """Use other hours, from any thread."""
        self._off = off

    def update(self) -> None:
        """Pause and resume by the present time."""
        now = self._now()
        for name, gate in self._gates.items():
            gate.set(HOURS, any(hours.contain(now) for hours in self._off[name]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(CLOCK_INTERVAL)

    def _run(self) -> None:
        while not self._stopping.wait(CLOCK_INTERVAL):
            with self._faults.tolerated("hours"):
                self.update()
