"""Accuracy against time of all models in several records, with the Pareto front."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.base.record import Record, machine_name, rows_of
from benchmarks.peers.lineup import OURS
from edge.base.text_table import NO_VALUE, Row, table

LABEL_KINDS = {"accuracy": "folder labels", "ferplus_accuracy": "FER+ majority"}
"""Keys of an accuracy, and its kind of label."""


class Point(NamedTuple):
    """Accuracy of a model, and its median time of one face with one thread.

    Only points of one machine, split and kind of label (`where`) can be compared.
    """

    name: str
    where: str
    ms: float
    accuracy: float


def points(records: Sequence[Record]) -> list[Point]:
    """Return the models whose time and accuracy were measured, each once."""
    found: dict[tuple[str, str], Point] = {}
    for record in records:
        place = ", ".join(filter(None, (machine_name(record), record["settings"]["split"])))
        for name, ms, row in _timed(record):
            for key, labels in LABEL_KINDS.items():
                if row[key] is not None:
                    where = f"{place}, {labels}"
                    found.setdefault((name, where), Point(name, where, ms, row[key]))
    return list(found.values())


def front(candidates: Sequence[Point]) -> list[Point]:
    """Return the Pareto front of comparable points, fastest first."""
    best: list[Point] = []
    for point in sorted(candidates, key=lambda point: (point.ms, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def by_place(candidates: Sequence[Point]) -> dict[str, list[Point]]:
    """Group comparable points by machine, split and labels, fastest first."""
    ordered = sorted(candidates, key=lambda point: point.ms)
    places = dict.fromkeys(point.where for point in candidates)
    return {where: [point for point in ordered if point.where == where] for where in places}


def trade_off_text(records: Sequence[Record]) -> str:
    """Format a table of all models; empty if there are none."""
    rows = [
        [p.name, where, f"{p.ms:.3f}", f"{p.accuracy:.2%}", "yes" if p in front(there) else NO_VALUE]
        for where, there in by_place(points(records)).items()
        for p in there
    ]
    title = "**Accuracy against time**: one inference on one face with one thread, accuracy by kind of label"
    columns = ["model", "machine, split, labels", "median ms", "accuracy", "none is faster and better"]
    return f"{title}\n\n{table(columns, rows, markdown=True)}" if rows else ""


def _timed(record: Record) -> Iterator[tuple[str, float, Row]]:
    """Return name, median time on one thread and accuracies of this package's variants and of other packages."""
    times = {row["variant"]: row["ms"]["p50"] for row in rows_of(record, "latency", threads=1)}
    for row in rows_of(record, "accuracy"):
        if row["variant"] in times:
            yield f"{record['bundle']['name']} {row['variant']}", times[row["variant"]], row
    times = {row["name"]: row["ms"]["p50"] for row in rows_of(record, "peers-model", cores=1)}
    for row in rows_of(record, "peers-accuracy"):
        if row["name"] in times and row["name"] != OURS:
            yield f"{row['name']} {row['version']}", times[row["name"]], row
