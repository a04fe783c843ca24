"""Several records beside one another: what accuracy costs what time, of all models that were measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.base.record import Record
from benchmarks.peers.lineup import OURS
from benchmarks.report.tables import UNKNOWN, table

KINDS = {"accuracy": "folder labels", "crowd_accuracy": "FER+ majority"}
"""Keys of an accuracy, and what the answers are compared with."""


@dataclass(frozen=True)
class Point:
    """A model's accuracy and time.

    Attributes:
        name: bundle and variant, or another package.
        where: machine, split and kind of label; only what agrees in it can be compared.
        ms: milliseconds of one face with one thread, median.
        accuracy: share of these labels that it answers.
    """

    name: str
    where: str
    ms: float
    accuracy: float


def points(records: Sequence[Record]) -> list[Point]:
    """The models of which both was measured, each once."""
    found: dict[tuple[str, str], Point] = {}
    for record in records:
        place = ", ".join(filter(None, (machine_name(record), record["settings"]["split"])))
        for name, ms, row in [*_variants(record), *_packages(record)]:
            for key, labels in KINDS.items():
                if row[key] is not None:
                    where = f"{place}, {labels}"
                    found.setdefault((name, where), Point(name, where, ms, row[key]))
    return list(found.values())


def front(candidates: Sequence[Point]) -> list[Point]:
    """Those that no other one beats in time and accuracy (Pareto), the fastest first; of one place."""
    best: list[Point] = []
    for point in sorted(candidates, key=lambda point: (point.ms, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def by_place(candidates: Sequence[Point]) -> dict[str, list[Point]]:
    """The points that can be compared with one another."""
    places = dict.fromkeys(point.where for point in candidates)
    return {where: [point for point in candidates if point.where == where] for where in places}


def overview(records: Sequence[Record]) -> str:
    """A table of all models, empty where there is none."""
    rows = []
    for where, there in by_place(points(records)).items():
        ahead = front(there)
        rows += [
            [p.name, where, f"{p.ms:.3f}", f"{p.accuracy:.2%}", "yes" if p in ahead else UNKNOWN]
            for p in sorted(there, key=lambda point: point.ms)
        ]
    if not rows:
        return ""
    title = "**Accuracy against time**: one inference on one face with one thread, accuracy by kind of label"
    columns = ["model", "machine, split, labels", "median ms", "accuracy", "none is faster and better"]
    return f"{title}\n\n{table(columns, rows)}"


def machine_name(record: Record) -> str:
    """The board's name, or the processor's."""
    return str(record["machine"]["board"] or record["machine"]["cpu"])


def _variants(record: Record) -> Iterator[tuple[str, float, Record]]:
    times = {row["variant"]: row["ms"]["p50"] for row in record["figures"].get("latency", ()) if row["threads"] == 1}
    for row in record["figures"].get("accuracy", ()):
        if row["variant"] in times:
            yield f"{record['bundle']['name']} {row['variant']}", times[row["variant"]], row


def _packages(record: Record) -> Iterator[tuple[str, float, Record]]:
    """Of other packages, those whose models were timed on one core; this one's variants are there by themselves."""
    figures = record["figures"]
    times = {row["name"]: row["ms"]["p50"] for row in figures.get("peers-model", ()) if row["cores"] == 1}
    for row in figures.get("peers-accuracy", ()):
        if row["name"] in times and row["name"] != OURS:
            yield f"{row['name']} {row['version']}", times[row["name"]], row
