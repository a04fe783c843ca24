"""Questions to a history."""

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

QUARTER = 900
"""Seconds by which faces are grouped: the local hours of all time zones begin at such a time."""

FACE_COLUMNS = ("second", "camera", "face", "label", "confidence", "frames")
"""Columns of a face's row, before those of the probabilities."""


@dataclass(frozen=True)
class Span:
    """Part of a history.

    Attributes:
        begin, end: Unix seconds; `end` itself is not in it.
        camera: name of a camera; None for all.
    """

    begin: float
    end: float
    camera: str | None = None

    def where(self, time: str) -> tuple[str, list[Any]]:
        """Return the condition that rows are in the span, and its values; `time` is the column."""
        condition, values = f"{time} >= ? AND {time} < ?", [self.begin, self.end]
        return (condition, values) if self.camera is None else (f"{condition} AND camera = ?", [*values, self.camera])


@dataclass(frozen=True)
class Bin:
    """Expressions that a camera saw in an hour, or another step of time.

    Attributes:
        camera: its name.
        start: beginning of the local hour or the step, Unix seconds.
        labels: by label, the seconds in which a face had it, counted for each face; None is no label.
    """

    camera: str
    start: int
    labels: dict[str | None, int]

    @property
    def seconds(self) -> int:
        """Seconds with a face, counted for each face."""
        return sum(self.labels.values())

    @property
    def shares(self) -> dict[str | None, float]:
        """Shares of the labels, 0 to 1."""
        return {label: n / self.seconds for label, n in self.labels.items()}


def hours(connection: sqlite3.Connection, span: Span) -> list[Bin]:
    """Return the local hours with a face, by camera and time."""
    found: dict[tuple[str, int], dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
    for quarter in bins(connection, span, QUARTER):
        hour = found[quarter.camera, local_hour(quarter.start)]
        for label, seconds in quarter.labels.items():
            hour[label] += seconds
    return [Bin(camera, start, dict(labels)) for (camera, start), labels in sorted(found.items())]


def bins(connection: sqlite3.Connection, span: Span, step: int) -> list[Bin]:
    """Return the steps of `step` seconds with a face, by camera and time."""
    condition, values = span.where("second")
    query = f"SELECT camera, second / {step:d}, label, count(*) FROM faces WHERE {condition} GROUP BY 1, 2, 3"  # noqa: S608
    found: dict[tuple[str, int], dict[str | None, int]] = defaultdict(dict)
    for camera, number, label, seconds in connection.execute(query, values):
        found[camera, number * step][label] = seconds
    return [Bin(camera, start, labels) for (camera, start), labels in sorted(found.items())]


def local_hour(seconds: int) -> int:
    """Return the beginning of the local hour, Unix seconds."""
    local = time.localtime(seconds)
    return seconds - 60 * local.tm_min - local.tm_sec


def events(connection: sqlite3.Connection, span: Span, most: int = -1) -> list[dict[str, Any]]:
    """Return the newest events, at most `most`, in the order of time, as `edge.faces.events` has them."""
    condition, values = span.where("t")
    columns = "t, camera, event, face, label, previous, duration"
    query = f"SELECT {columns} FROM events WHERE {condition} ORDER BY t DESC, id DESC LIMIT ?"  # noqa: S608
    rows = connection.execute(query, [*values, most]).fetchall()
    return [_event(*row) for row in reversed(rows)]


def _event(
    t: float, camera: str, event: str, face: int, label: str | None, previous: str | None, duration: float | None
) -> dict[str, Any]:
    common = {"event": event, "t": t, "source": camera, "id": face}
    if event == "emotion_changed":
        return common | {"from": previous, "to": label, "duration_s": duration}
    return common | ({"emotion": label, "duration_s": duration} if event == "face_left" else {})


def gaps(connection: sqlite3.Connection, span: Span) -> list[dict[str, Any]]:
    """Return the spans of time in which rows could not be written, of all cameras."""
    query = "SELECT begin, end, rows, reason FROM gaps WHERE end >= ? AND begin < ? ORDER BY begin"
    names = ("begin", "end", "rows", "reason")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query, (span.begin, span.end))]


def classes(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all classes in the history; models may have had different ones."""
    lists = connection.execute("SELECT names FROM class_lists ORDER BY id")
    return list(dict.fromkeys(name for (names,) in lists for name in json.loads(names)))


def faces(connection: sqlite3.Connection, span: Span) -> Iterator[dict[str, Any]]:
    """Yield a flat row for each face and second: `time` (local, ISO 8601), `FACE_COLUMNS`, and `p_<class>`."""
    condition, values = span.where("second")
    columns = ", ".join((*FACE_COLUMNS, "names", "probabilities"))
    query = f"SELECT {columns} FROM faces JOIN class_lists ON id = class_list WHERE "  # noqa: S608
    for *row, names, probabilities in connection.execute(f"{query}{condition} ORDER BY second, camera, face", values):
        columns_by_class = [f"p_{name}" for name in json.loads(names)]
        means = json.loads(probabilities) or [None] * len(columns_by_class)
        by_class = zip(columns_by_class, means, strict=True)
        yield {"time": iso(row[0]), **dict(zip(FACE_COLUMNS, row, strict=True)), **dict(by_class)}


def iso(seconds: float) -> str:
    """Return a time as local time with its offset, ISO 8601."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


@contextmanager
def limited(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Let queries of the block take a limited time.

    Raises:
        sqlite3.OperationalError: they took longer.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
