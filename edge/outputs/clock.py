"""The clock in pictures."""

import time


class Clock:
    """Time since the first frame of a recording, or date and time of a live source."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._start: float | None = None

    def text(self, captured: float) -> str:
        """Format a capture time in Unix seconds: `1:02.3` (`1:00:02.3` from an hour on), or date and time."""
        if self._live:
            return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(captured))
        if self._start is None:
            self._start = captured
        return elapsed(captured - self._start)


def elapsed(seconds: float) -> str:
    """Format a duration as `m:ss.s`, with hours if there are any, cut to tenths."""
    tenths = int(10 * max(0.0, seconds) + 1e-3)  # times of frames are not exact: 0.3 s may be 0.29999995
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest / 10:04.1f}"
