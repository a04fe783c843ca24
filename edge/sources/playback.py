"""Playback of recordings in real time and in a loop."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from edge.base.settings import Capture
from edge.sources import Source
from edge.sources.frame import Frame

BETWEEN_ROUNDS = 1.5
"""Seconds between two rounds: long enough that faces of the next round are new ones."""

MAX_FRAME_WAIT = 5.0
"""Longest wait for a frame, seconds; longer pauses of a recording are cut to this."""


def play(open_: Callable[[], Source], capture: Capture, stop: threading.Event | None = None) -> Source:
    """Open a recording with `capture.loop` and `capture.realtime`; `stop` ends the waiting of the latter."""
    source = Loop(open_) if capture.loop else open_()
    return Realtime(source, stop) if capture.realtime else source


class Realtime:
    """Plays a recording in real time. Like a camera it is live: late frames are dropped."""

    live = True

    def __init__(self, source: Source, stop: threading.Event | None = None) -> None:
        """Take ownership of `source`; setting `stop` ends the wait and the recording."""
        self.name, self.fps, self.total, self.duration = source.name, source.fps, source.total, source.duration
        self._source, self._stop = source, stop or threading.Event()
        self._closed = False
        self._start: float | None = None  # the monotonic time of the recording's time 0
        self._last = 0.0

    @property
    def damage(self) -> str | None:
        return self._source.damage

    def read(self) -> Frame | None:
        frame = None if self._closed else self._source.read()
        if frame is None or self._stop.wait(self._seconds_until(frame.captured)):
            return None
        return replace(frame, arrived=time.monotonic())

    def close(self) -> None:
        self._closed = True
        self._source.close()

    def _seconds_until(self, captured: float) -> float:
        now = time.monotonic()
        if self._start is None or captured < self._last:  # the first frame, or times that jump back
            self._start = now - captured
        self._last = captured
        seconds = self._start + captured - now
        if seconds > MAX_FRAME_WAIT:
            self._start -= seconds - MAX_FRAME_WAIT
        if seconds < -MAX_FRAME_WAIT:  # the reader was paused; what was missed is not played in a hurry
            self._start -= seconds
        return min(max(0.0, seconds), MAX_FRAME_WAIT)


class Loop:
    """Repeats a recording. Times continue, after a pause of `BETWEEN_ROUNDS`."""

    live = False
    total = duration = None

    def __init__(self, open_: Callable[[], Source]) -> None:
        """Open the recording; `open_` is called again for each round.

        Raises:
            UserError: raised by `open_`, here or in a later round.
        """
        self._open, self._source = open_, open_()
        self.name, self.fps = self._source.name, self._source.fps
        self.damage: str | None = None
        self._shift, self._last = 0.0, -math.inf
        self._closed = False

    def read(self) -> Frame | None:
        if self._closed:
            return None
        frame = self._source.read() or self._next_round()
        if frame is None:
            return None
        self._last = frame.captured + self._shift
        return replace(frame, captured=self._last)

    def close(self) -> None:
        self._closed = True
        self._source.close()

    def _next_round(self) -> Frame | None:
        """Return the first frame of the next round; None where the last round had no frame."""
        self.damage = self._source.damage
        if math.isinf(self._last):
            return None
        self._source.close()
        self._source = self._open()
        if first := self._source.read():
            self._shift = self._last + BETWEEN_ROUNDS - first.captured
        return first
