"""Significant changes from one record to another."""

from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.base.bootstrap import Interval, median_ratio, sample
from benchmarks.base.measurement import NOT_SIGNIFICANT
from benchmarks.base.record import Record, rows_of
from benchmarks.suite import MEASUREMENTS
from edge.base.text_table import Column, Row, draw

TOLERANCE = 0.05
"""Share by which a figure may get worse."""

IDENTITY = ("variant", "name", "output", "threads", "cores", "faces", "width")
"""Keys that identify a row; rows that agree in them are compared."""


@dataclass(frozen=True)
class Change:
    """Medians over the rounds of a figure that both records have, and their ratio; -1 where less is better."""

    name: str
    before: float
    after: float
    ratio: Interval
    better: int

    @property
    def is_worse(self) -> bool:
        """Return True if the whole interval is worse by more than the tolerance."""
        return self.ratio.high < 1 - TOLERANCE if self.better > 0 else self.ratio.low > 1 + TOLERANCE

    @property
    def result(self) -> str:
        if self.is_worse:
            return f"**worse by more than {TOLERANCE:.0%}**"
        if self.ratio.contains(1):
            return NOT_SIGNIFICANT
        return "better" if (self.ratio.estimate > 1) == (self.better > 0) else "worse"


def compare(before: Record, after: Record) -> list[Change]:
    """Compare the figures that both records have."""
    old, new = _figures(before), _figures(after)
    return [
        Change(name, float(np.median(values)), float(np.median(new[name][0])), median_ratio(values, new[name][0]), sign)
        for name, (values, sign) in old.items()
        if name in new
    ]


def missing(before: Record, after: Record) -> list[str]:
    """List the measurements and figures of the first record that the second one lacks."""
    gone = [name for name in before["figures"] if name not in after["figures"]]
    there = _figures(after)
    return [*gone, *(name for name in _figures(before) if name not in there and name.split(",")[0] not in gone)]


def changed_graphs(before: Record, after: Record) -> list[str]:
    """List the variants whose models have other operators than before, with the operators' numbers."""
    old, new = ({row["variant"]: row["operators"] for row in rows_of(r, "counts")} for r in (before, after))
    changed = [variant for variant in old if variant in new and old[variant] != new[variant]]
    return [f"{variant}: {_changed_kinds(old[variant], new[variant])}" for variant in changed]


CHANGE_COLUMNS = (
    Column("figure", "name"),
    Column("before", "before", ".3g"),
    Column("after", "after", ".3g"),
    Column("ratio", "ratio.estimate", ".3f"),
    Column("95% interval", lambda row, rows: "{low:.3f}–{high:.3f}".format(**row["ratio"])),
    Column("", "result"),
)


def changes_text(changes: list[Change]) -> str:
    """Format a table of all changes in Markdown."""
    return draw(CHANGE_COLUMNS, [asdict(change) | {"result": change.result} for change in changes], markdown=True)


def _changed_kinds(before: dict[str, int], after: dict[str, int]) -> str:
    pairs = {kind: (before.get(kind, 0), after.get(kind, 0)) for kind in sorted({*before, *after})}
    return ", ".join(f"{kind} {old} → {new}" for kind, (old, new) in pairs.items() if old != new)


def _figures(record: Record) -> dict[str, tuple[np.ndarray, int]]:
    """Return the samples of all figures by name, each with +1 if more is better."""
    return {
        f"{name}, {_identity(row)}: {key}": (sample(row[key]), better)
        for name, measurement in MEASUREMENTS.items()
        for row in rows_of(record, name)
        for key, better in measurement.compared.items()
        if row.get(key) is not None
    }


def _identity(row: Row) -> str:
    return " ".join(f"{key} {row[key]}" for key in IDENTITY if key in row)
