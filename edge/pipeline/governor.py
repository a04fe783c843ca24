"""Reduce a board's work step by step before it throttles, and restore it when it has cooled."""

import logging
import math
import threading
import time
from collections.abc import Callable

from edge.base.board import Condition, read_condition
from edge.base.run_statistics import Statistics
from edge.pipeline.faults import Faults

log = logging.getLogger(__name__)

PERIOD = 2.0
"""Seconds between two checks of the board."""

AGE_WINDOW = 60
"""Number of latest frames whose age the governor uses."""

HOT, COOL = 75.0, 70.0
"""Degrees Celsius. A Raspberry Pi begins to throttle at 80; between the two limits nothing changes."""

LATE, PROMPT = 0.30, 0.15
"""Limits on the 95th percentile of the frames' age, seconds; above the first there is too much work."""

REDUCE_AFTER, RESUME_AFTER = 15.0, 30.0
"""Seconds of trouble before the next step down, and seconds without trouble before the next step up.

Heat follows work slowly, so quick steps would overshoot both ways.
"""

MAX_RESUME_AFTER = 960.0
"""Longest wait without trouble, seconds; the wait doubles each time that trouble returns after a step up."""

LEVELS = 4
"""From 0, all that was asked for, to 3: see `Recognizer.set_load_level`."""


class Governor:
    """Decides on a level from 0 (all work) to `LEVELS` - 1 (least)."""

    def __init__(
        self,
        condition: Callable[[], Condition],
        frame_age: Callable[[], float | None],
        apply: Callable[[int], None],
    ) -> None:
        """Begin at level 0.

        Args:
            condition: reads the board.
            frame_age: 95th percentile of the last frames' ages in seconds; None where there are none.
            apply: called with each new level.
        """
        self._condition, self._frame_age, self._apply = condition, frame_age, apply
        self.level = 0
        self.condition = Condition()
        self._resume_after, self._resumed = RESUME_AFTER, -math.inf
        self._troubled_since: float | None = None
        self._well_since: float | None = None

    def run(self, stop: threading.Event, faults: Faults) -> None:
        """Check the board every `PERIOD` seconds until `stop` is set; errors are recorded."""
        while not stop.wait(PERIOD):
            with faults.tolerated("governor"):
                self.update(time.monotonic())

    def update(self, now: float) -> None:
        """Check the board once.

        Args:
            now: seconds of a steady clock.
        """
        self.condition, age = self._condition(), self._frame_age()
        temperature = self.condition.temperature
        hot = temperature is not None and temperature >= HOT
        cool = temperature is None or temperature < COOL
        troubled = hot or self.condition.slowed or (age is not None and age > LATE)
        well = cool and not self.condition.slowed and (age is None or age < PROMPT)
        self._troubled_since = (now if self._troubled_since is None else self._troubled_since) if troubled else None
        self._well_since = (now if self._well_since is None else self._well_since) if well else None
        if _lasted(self._troubled_since, now, REDUCE_AFTER) and self.level < LEVELS - 1:
            relapsed = now - self._resumed < 2 * self._resume_after
            self._resume_after = min(2 * self._resume_after, MAX_RESUME_AFTER) if relapsed else RESUME_AFTER
            self._change(self.level + 1, now)
        elif _lasted(self._well_since, now, self._resume_after) and self.level > 0:
            self._resumed = now
            self._change(self.level - 1, now)

    def _change(self, level: int, now: float) -> None:
        degrees = "" if self.condition.temperature is None else f", {self.condition.temperature:.0f} °C"
        log.warning("%s work, level %d%s", "less" if level > self.level else "more", level, degrees)
        self.level = level
        # The next step must wait for the effect of this one.
        self._troubled_since = now if self._troubled_since is not None else None
        self._well_since = now if self._well_since is not None else None
        self._apply(level)


def govern(
    statistics: Statistics,
    frame_age: Callable[[], float | None],
    set_level: Callable[[int], None],
    stop: threading.Event,
) -> None:
    """Run a governor until `stop` is set; for live sources only, since a recording cannot be late.

    Args:
        statistics: get the board's condition and the level as states.
        frame_age: see `Governor`.
        set_level: called with each new level, and with 0 at the start.
        stop: set by the owner.
    """

    def condition() -> Condition:
        now = read_condition()
        statistics.set("temperature", now.temperature)
        statistics.set("slowed", now.slowed)
        statistics.set("undervoltage", now.undervoltage)
        return now

    def apply(level: int) -> None:
        set_level(level)
        statistics.set("level", level)

    apply(0)  # an earlier run may have left the recognizer at another level
    Governor(condition, frame_age, apply).run(stop, Faults(statistics))


def recent_age(statistics: Statistics) -> float | None:
    """Return the 95th percentile of the latest frames' ages, seconds; None where there are none."""
    return statistics.recent("frame age", 95, AGE_WINDOW)


def _lasted(since: float | None, now: float, seconds: float) -> bool:
    return since is not None and now - since >= seconds
