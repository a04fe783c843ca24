"""Comparison of this package with each other one, from a record's figures alone."""

from collections.abc import Iterator

from benchmarks.base.bootstrap import MIN_ROUNDS, median_ratio, sample
from benchmarks.base.measurement import NOT_SIGNIFICANT, PACKAGE
from benchmarks.base.record import Record, rows_of
from benchmarks.peers.lineup import OURS
from benchmarks.suite import MEASUREMENTS
from edge.base.text_table import Column, Row, draw

TITLE = (
    "**This package beside each of the others**: the ratio of the medians with its 95% confidence interval, by "
    f"bootstrap over {MIN_ROUNDS} or more rounds"
)

FIGURES = {
    ("peers", "fps"): "frames a second on the clip",
    ("peers", "peaks"): "memory on the clip",
    ("peers-model", "round_ms"): "one face by the model alone",
    ("peers-model", "peaks"): "memory of the model alone",
    ("peers-footprint", "size"): "what is installed",
    ("peers-footprint", "start"): "time to import",
}
"""Names of the figures in which two packages are compared, by measurement and key."""

STANDING_COLUMNS = (
    PACKAGE,
    Column("figure", "figure"),
    Column("cores", "cores"),
    Column("ratio", "ratio"),
    Column("this one is", "result"),
)


def standing_text(record: Record) -> str:
    """Return a table in Markdown; empty if no other package was measured."""
    rows = sorted((row for figure in FIGURES for row in _rows(record, *figure)), key=lambda row: row["name"])
    return f"{TITLE}\n\n{draw(STANDING_COLUMNS, rows, markdown=True)}" if rows else ""


def _rows(record: Record, measurement: str, key: str) -> Iterator[Row]:
    """Return rows that compare this package with another one, on the same number of cores."""
    better = MEASUREMENTS[measurement].compared[key]
    for ours in rows_of(record, measurement, name=OURS):
        for theirs in rows_of(record, measurement):
            if theirs["name"] != OURS and ours.get("cores") == theirs.get("cores"):
                what = {"figure": FIGURES[measurement, key], "cores": ours.get("cores")}
                yield {**theirs, **what, **_beside(ours[key], theirs[key], better)}


def _beside(ours: object, theirs: object, better: int) -> Row:
    own, other = sample(ours), sample(theirs)
    ratio, varies = median_ratio(other, own), isinstance(ours, dict)
    if varies and min(len(own), len(other)) < MIN_ROUNDS:
        result = "too few rounds to say"
    elif ratio.contains(1):
        result = NOT_SIGNIFICANT
    else:
        result = "ahead" if (ratio.estimate > 1) == (better > 0) else "behind"
    return {"ratio": ratio.shown("{:.3g}") if varies else f"{ratio.estimate:.3g}", "result": result}
