"""The command `history`: what a run's database says, on the terminal and as tables."""

import csv
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from edge.base.classes import NO_LABEL
from edge.base.errors import UserError, needs_extra, printable
from edge.base.files import resolved, whole_file, writing
from edge.base.settings import SECONDS_A_DAY, History
from edge.base.text_table import table
from edge.outputs.store.database import reading
from edge.outputs.store.history import FACE_COLUMNS, Bin, Span, classes, events, faces, gaps, hours, iso

SHOWN_EVENTS = 20
"""Newest events that are shown on the terminal."""

EVENT_COLUMNS = ("time", "t", "source", "event", "id", "from", "to", "emotion", "duration_s")


class TableWriter(Protocol):
    """A file that rows are written to."""

    def write(self, row: Mapping[str, Any]) -> None: ...


def history_text(settings: History) -> str:
    """Return what a history has, for the terminal: shares of expressions by camera and hour, events, and gaps.

    Raises:
        UserError: there is no such history, or it cannot be read.
    """
    span = span_of(settings)
    with reading(_file(settings)) as connection:
        found = hours(connection, span), events(connection, span, SHOWN_EVENTS + 1), gaps(connection, span)
        labels = classes(connection)
    by_hour, newest, missing = found
    parts = [_hour_table(by_hour, labels)] * bool(by_hour)
    if newest:
        title = f"newest {SHOWN_EVENTS} events" if len(newest) > SHOWN_EVENTS else "events"
        parts.append("\n".join([f"{title}:", *map(_event_line, newest[-SHOWN_EVENTS:])]))
    if missing:
        parts.append("\n".join(["not kept:", *map(_gap_line, missing)]))
    return "\n\n".join(parts) or f"nothing from {_minute(span.begin)} to {_minute(span.end)}"


def export_history(settings: History) -> None:
    """Write the tables that are wanted; each file appears whole.

    Raises:
        UserError: there is no such history, it cannot be read, or a table cannot be written.
    """
    span, wanted, file = span_of(settings), settings.table, _file(settings)
    for path in filter(None, (wanted.csv, wanted.parquet)):
        if resolved(path) == resolved(file):
            raise UserError(f"{path}: is the history itself", "name another file")
    with reading(file) as connection, ExitStack() as files:
        columns = (
            EVENT_COLUMNS if wanted.events else ("time", *FACE_COLUMNS, *(f"p_{name}" for name in classes(connection)))
        )
        writers = [files.enter_context(writer) for writer in _writers(settings, columns)]
        for row in _event_rows(events(connection, span)) if wanted.events else faces(connection, span):
            for writer in writers:
                writer.write(row)


def span_of(settings: History) -> Span:
    """Return the part of the history that is asked for.

    Raises:
        UserError: it ends before it begins.
    """
    end = time.time() if settings.span.end is None else settings.span.end
    begin = end - SECONDS_A_DAY if settings.span.begin is None else settings.span.begin
    if begin >= end:
        raise UserError(f"--from {_minute(begin)} is not before --to {_minute(end)}", "name an earlier time by --from")
    return Span(begin, end, settings.span.camera)


def _file(settings: History) -> Path:
    if settings.file and settings.config:
        raise UserError("a database and a configuration file are named", "name one of them")
    if settings.config and not settings.store.path:
        raise UserError(f"{settings.config}: its run keeps no history", "name it by path in [store]")
    if path := settings.file or settings.store.path:
        return path
    raise UserError("no history is named", "write 'emotion-edge history history.db', or --config home.toml")


def _writers(settings: History, columns: Iterable[str]) -> Iterator[Any]:
    if path := settings.table.csv:
        yield CsvTable(path, columns)
    if path := settings.table.parquet:
        with needs_extra("analyze"):
            from edge.app.history_parquet import ParquetTable
        yield ParquetTable(path, columns)


class CsvTable:
    """CSV file that appears whole at the end; what a row has not is empty."""

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self._path, self._columns = path, list(columns)

    def __enter__(self) -> "CsvTable":
        with ExitStack() as files:
            files.enter_context(writing(self._path))
            part = files.enter_context(whole_file(self._path))
            self._writer = csv.DictWriter(
                files.enter_context(part.open("w", newline="", encoding="utf-8")), self._columns
            )
            self._writer.writeheader()
            self._files = files.pop_all()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        self._writer.writerow(row)

    def __exit__(self, *error: Any) -> None:
        self._files.__exit__(*error)


def _event_rows(found: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in found:
        yield {"time": iso(event["t"]), **event}


def _hour_table(found: Iterable[Bin], labels: Iterable[str]) -> str:
    found = list(found)
    seen = {label for hour in found for label in hour.labels}
    shown = [*(label for label in labels if label in seen), *([None] if None in seen else [])]
    rows = [
        [
            printable(hour.camera),
            _minute(hour.start),
            f"{hour.seconds / 60:.1f}",
            *(f"{hour.shares.get(label, 0):.0%}" for label in shown),
        ]
        for hour in found
    ]
    return table(["camera", "hour", "minutes", *(label or NO_LABEL for label in shown)], rows)


def _event_line(event: Mapping[str, Any]) -> str:
    what = event["event"].replace("_", " ")
    if event["event"] == "emotion_changed":
        what = f"{event['from'] or NO_LABEL} → {event['to'] or NO_LABEL}"
    lasted = f", after {event['duration_s']:.1f} s" if event.get("duration_s") is not None else ""
    return printable(f"  {iso(event['t'])}  {event['source']}  #{event['id']}  {what}{lasted}")


def _gap_line(gap: Mapping[str, Any]) -> str:
    return f"  {iso(gap['begin'])} to {iso(gap['end'])}  {gap['rows']} rows ({printable(gap['reason'])})"


def _minute(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
