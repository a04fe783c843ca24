"""Says what changed from one record to another, and calls nothing a change that may be chance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.base.bootstrap import ratio, sample
from benchmarks.base.record import Record
from benchmarks.report.tables import table

TOLERANCE = 0.05
"""Share by which a figure may get worse."""

IDENTITY = ("variant", "name", "output", "threads", "cores", "faces", "width", "preset")
"""Keys of a row that say what was measured; rows that agree in them are compared."""

FIGURES = {
    "counts": [("size", -1), ("operations", -1), ("frame", -1), ("instructions", -1)],
    "operators": [("inference_ms", -1)],
    "latency": [("round_ms", -1)],
    "pipeline": [("fps", +1), ("first_record", -1)],
    "live": [("age_p99_ms", -1), ("cpu", -1)],
    "crowd": [("ms", -1)],
    "sizes": [("ms", -1)],
    "outputs": [("cpu", -1)],
    "training": [("fed", +1)],
    "accuracy": [("accuracy", +1), ("crowd_accuracy", +1)],
    "peers": [("fps", +1), ("peaks", -1)],
    "peers-model": [("round_ms", -1), ("peaks", -1)],
    "peers-footprint": [("size", -1), ("start", -1)],
    "peers-accuracy": [("accuracy", +1), ("crowd_accuracy", +1)],
}
"""By measurement, counts and distributions over rounds, and whether more (+1) or less (-1) is better."""


@dataclass(frozen=True)
class Change:
    """One figure in both records.

    Attributes:
        what: measurement, row and key.
        before: median over the rounds of the first record, in the key's unit.
        after: of the second.
        ratio: after / before.
        low: lower end of the ratio's 95% confidence interval.
        high: its upper end.
        better: +1 where more is better, -1 where less is.
    """

    what: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    better: int

    @property
    def is_real(self) -> bool:
        """Whether the interval leaves no change out."""
        return not self.low <= 1 <= self.high

    def is_worse(self, tolerance: float) -> bool:
        """Whether it got worse by more than the tolerance, all of the interval."""
        return self.high < 1 - tolerance if self.better > 0 else self.low > 1 + tolerance


def compare(before: Record, after: Record) -> list[Change]:
    """The figures that both records have."""
    others = dict(_figures(after))
    return [_change(key, values, others[key]) for key, values in _figures(before) if key in others]


def lost(before: Record, after: Record) -> list[str]:
    """What the second record lacks of the figures of the first: nobody knows how they changed."""
    there = {what for (what, _), _ in _figures(after)}
    gone = [name for name in before["figures"] if name not in after["figures"]]
    single = [what for (what, _), _ in _figures(before) if what not in there]
    return [*gone, *(what for what in single if what.split(",")[0] not in gone)]


def other_graphs(before: Record, after: Record) -> list[str]:
    """Variants whose models have other operators than before, with those: no number says whether that is worse."""
    graphs = [{row["variant"]: row["operators"] for row in r["figures"].get("counts", ())} for r in (before, after)]
    changed = [variant for variant in graphs[0] if graphs[0][variant] != graphs[1].get(variant, graphs[0][variant])]
    return [f"{variant}: {_other_kinds(graphs[0][variant], graphs[1][variant])}" for variant in changed]


def _other_kinds(before: dict[str, int], after: dict[str, int]) -> str:
    pairs = {kind: (before.get(kind, 0), after.get(kind, 0)) for kind in sorted({*before, *after})}
    return ", ".join(f"{kind} {old} → {new}" for kind, (old, new) in pairs.items() if old != new)


def changes_text(changes: list[Change], tolerance: float) -> str:
    """All changes as a table in Markdown."""
    rows = [
        [
            change.what,
            f"{change.before:.3g}",
            f"{change.after:.3g}",
            f"{change.ratio:.3f}",
            f"{change.low:.3f}–{change.high:.3f}",
            _verdict(change, tolerance),
        ]
        for change in changes
    ]
    return table(["figure", "before", "after", "ratio", "95% interval", ""], rows)


def _verdict(change: Change, tolerance: float) -> str:
    if change.is_worse(tolerance):
        return f"**worse by more than {tolerance:.0%}**"
    if not change.is_real:
        return "no difference beyond chance"
    return "better" if (change.ratio > 1) == (change.better > 0) else "worse"


Key = tuple[str, int]


def _figures(record: Record) -> Iterator[tuple[Key, np.ndarray]]:
    """Every count, and every distribution over rounds, by what it is of and what is better."""
    for measurement, keys in FIGURES.items():
        for row in record["figures"].get(measurement, ()):
            which = " ".join(f"{key} {row[key]}" for key in IDENTITY if key in row)
            for key, sign in keys:
                if row.get(key) is not None:
                    yield (f"{measurement}, {which}: {key}", sign), sample(row[key])


def _change(key: Key, before: np.ndarray, after: np.ndarray) -> Change:
    what, sign = key
    medians = float(np.median(before)), float(np.median(after))
    change = ratio(before, after)
    return Change(what, *medians, change.middle, change.low, change.high, sign)
