"""A progress line on stderr: redrawn on a terminal, otherwise written now and then."""

import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

REDRAW_EVERY = 0.2
"""Seconds between updates on a terminal."""

LINE_EVERY = 30.0
"""Seconds between lines without a terminal."""

DELAY = 2.0
"""Seconds that a task runs before a terminal shows its progress."""

BAR = 30
"""Longest bar, columns."""


class Progress:
    """Progress of one task; a context manager, used by one thread while others may log."""

    def __init__(
        self,
        task: str,
        total: float | None,
        unit: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at 0.

        Args:
            task: name of the task.
            total: amount of work; None where it is unknown.
            unit: unit of `total`, such as `frames`; `B` is shown as MB.
            stream: output, by default stderr.
            clock: returns seconds.
        """
        self.task = task
        self._total, self._unit, self._clock = total, unit, clock
        self._shown_unit = "MB" if unit == "B" else unit
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._done, self._began = 0.0, clock()
        self._due = self._began + (DELAY if self._terminal else LINE_EVERY)
        self._drawn = ""
        self._lock = threading.RLock()
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> Self:
        if self._terminal:
            root = logging.getLogger()
            self._handlers, root.handlers = root.handlers, [_Above(self, handler) for handler in root.handlers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            logging.getLogger().handlers = self._handlers
        self._clear()

    def update(self, done: float) -> None:
        """Set the amount of work done; redraw when it is due."""
        self._done = done
        if (now := self._clock()) >= self._due:
            self._due = now + (REDRAW_EVERY if self._terminal else LINE_EVERY)
            self._draw(self._text(now - self._began))

    def above(self, write: Callable[[], Any]) -> None:
        """Let `write` write lines to the terminal above the progress line."""
        with self._lock:
            drawn = self._drawn
            self._clear()
            write()
            if drawn:
                self._redraw(drawn)

    def tell(self, line: str) -> None:
        """Write a line above the progress line."""
        self.above(lambda: self._write(f"{line}\n"))

    def _text(self, seconds: float) -> str:
        if not self._total:
            return f"{self.task}: {self._amount(self._done)} {self._shown_unit}, {_clock(seconds)}"
        share = min(1.0, self._done / self._total)
        left = f", {_clock(seconds * (1 - share) / share)} left" if share else ""
        amounts = f"{self._amount(self._done)} of {self._amount(self._total)} {self._shown_unit}"
        return f"{share:4.0%} {self.task}: {amounts}, {_clock(seconds)}{left}"

    def _amount(self, value: float) -> str:
        return f"{value / 1e6:.1f}" if self._unit == "B" else f"{value:.0f}"

    def _draw(self, text: str) -> None:
        with self._lock:
            if not self._terminal:
                self._write(f"{text}\n")
                return
            columns = shutil.get_terminal_size().columns - 1
            self._redraw(f"{text} {self._bar(columns - len(text) - 1)}"[:columns])

    def _redraw(self, line: str) -> None:
        self._write("\r" + line.ljust(len(self._drawn)))
        self._drawn = line

    def _bar(self, columns: int) -> str:
        width = min(BAR, columns - 2)
        if not self._total or width < 4:
            return ""
        return f"|{'#' * round(width * min(1.0, self._done / self._total)):<{width}}|"

    def _clear(self) -> None:
        with self._lock:
            if self._drawn:
                self._write("\r" + " " * len(self._drawn) + "\r")
                self._drawn = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class _Above(logging.Handler):
    """Passes log records to a handler whose lines appear above the progress line."""

    def __init__(self, progress: Progress, handler: logging.Handler) -> None:
        super().__init__(handler.level)
        self._progress, self._handler = progress, handler

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.above(lambda: self._handler.handle(record))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
