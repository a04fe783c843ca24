"""Answer questions to the history of the run."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edge.base.classes import NO_LABEL
from edge.base.settings import SECONDS_A_DAY
from edge.base.values import parse_time
from edge.outputs.rules.album import Album
from edge.outputs.store.database import reading
from edge.outputs.store.history import Bin, Span, bins, events, gaps, hours, limited
from edge.web.places import Places

MOST_DAYS = 31
"""Longest span of one question, days."""

MOST_EVENTS, MOST_HOURS, MOST_GAPS = 1000, 5000, 100
"""Most events, hours of cameras and gaps in one answer, the newest ones."""

MOST_BINS = 1440
"""Most steps of a question's span."""

LONGEST_STEP = MOST_DAYS * SECONDS_A_DAY
"""Longest step, seconds."""

MOST_QUESTIONS = 4
"""Most questions that wait or are answered at one time."""

QUERY_TIMEOUT = 10.0
"""Time-out of one question, seconds; a small board needs some for a month."""


class HistoryReader(Places):
    """Reads a history on a thread of its own, with a connection of its own for each question.

    Attributes:
        waiting: number of questions that wait or are answered.
    """

    def __init__(self, path: Path, album: Album) -> None:
        super().__init__(MOST_QUESTIONS)
        self._path, self._album = path, album
        self._thread = ThreadPoolExecutor(1, "history")

    async def answer(self, span: Span, step: int | None = None) -> dict[str, Any]:
        """Return what a history says about a span, as plain values for JSON, see `History` in openapi.json.

        Args:
            span: the span.
            step: seconds by which labels are counted as well; None for hours only.

        Raises:
            Busy: too many questions wait.
            UserError: the history cannot be read, or not in time.
        """
        with self.place():
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, span, step)

    def close(self) -> None:
        """Stop; do not wait for a question in progress."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _read(self, span: Span, step: int | None) -> dict[str, Any]:
        with reading(self._path) as connection, limited(connection, QUERY_TIMEOUT):
            newest = sorted(hours(connection, span), key=lambda hour: hour.start)[-MOST_HOURS:]
            found = events(connection, span, MOST_EVENTS + 1)
            return {
                "from": span.begin,
                "to": span.end,
                "hours": [_plain(hour) for hour in newest],
                "steps": [_plain(one) for one in bins(connection, span, step)] if step else [],
                "events": found[-MOST_EVENTS:],
                "events_left_out": len(found) > MOST_EVENTS,
                "snapshots": self._album.taken(span.begin, span.end, span.camera),
                "gaps": gaps(connection, span)[-MOST_GAPS:],
            }


def asked_span(query: Mapping[str, str]) -> Span:
    """Return the span of `from`, `to` (see `parse_time`) and `camera`; by default the last day of all cameras.

    Raises:
        ValueError: these are no times, or the span is empty or too long.
    """
    end = parse_time(query["to"]) if "to" in query else time.time()
    begin = parse_time(query["from"]) if "from" in query else end - SECONDS_A_DAY
    if not 0 < end - begin <= MOST_DAYS * SECONDS_A_DAY:
        raise ValueError(f"'from' must be before 'to', by at most {MOST_DAYS} days")
    return Span(begin, end, query.get("camera"))


def asked_step(query: Mapping[str, str], span: Span) -> int | None:
    """Return `step`, seconds; None where it is not asked for.

    Raises:
        ValueError: it is no whole number from 1, or too small for the span.
    """
    if "step" not in query:
        return None
    step = int(query["step"]) if query["step"].isascii() and query["step"].isdigit() else 0
    if not 0 < step <= LONGEST_STEP or (span.end - span.begin) / step > MOST_BINS:
        raise ValueError(f"'step' must be whole seconds, at most {MOST_BINS} of them from 'from' to 'to'")
    return step


def _plain(counted: Bin) -> dict[str, Any]:
    labels = {label or NO_LABEL: seconds for label, seconds in counted.labels.items()}
    return {"camera": counted.camera, "t": counted.start, "seconds": counted.seconds, "labels": labels}
