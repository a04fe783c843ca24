"""Standing of this package beside each other one, from a record's figures alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.base.bootstrap import MIN_ROUNDS, median_ratio, sample
from benchmarks.base.measurement import NOT_SIGNIFICANT, PACKAGE
from benchmarks.base.record import Record, rows_of
from benchmarks.peers.lineup import OURS
from edge.base.text_table import Column, Row, draw

TITLE = (
    "**This package beside each of the others**: the ratio of the medians with its 95% confidence interval, by "
    f"bootstrap over {MIN_ROUNDS} or more rounds"
)


class Topic(NamedTuple):
    """A figure in which two packages are compared.

    Attributes:
        words: its name.
        measurement: the measurement that has it.
        key: of a count, or of a distribution over rounds.
        better: +1 where more is better, -1 where less is.
        shown: format of the figure in its unit.
        scale: from the record's unit to that.
    """

    words: str
    measurement: str
    key: str
    better: int
    shown: str
    scale: float = 1.0


TOPICS = (
    Topic("frames a second on the clip", "peers", "fps", +1, "{:.1f}"),
    Topic("memory on the clip", "peers", "peaks", -1, "{:.0f} MB", 1e-6),
    Topic("one face by the model alone", "peers-model", "round_ms", -1, "{:.2f} ms"),
    Topic("memory of the model alone", "peers-model", "peaks", -1, "{:.0f} MB", 1e-6),
    Topic("what is installed", "peers-footprint", "size", -1, "{:.0f} MB", 1e-6),
    Topic("time to import", "peers-footprint", "start", -1, "{:.2f} s"),
)

COLUMNS = (
    PACKAGE,
    Column("figure", "figure"),
    Column("cores", "cores"),
    Column("this one", "ours"),
    Column("that one", "theirs"),
    Column("ratio", "ratio"),
    Column("this one is", "result"),
)


def standing_text(record: Record) -> str:
    """A table in Markdown; empty where no other package was measured."""
    rows = [_row(topic, *pair) for topic in TOPICS for pair in _pairs(record, topic.measurement)]
    rows.sort(key=lambda row: row["name"])
    return f"{TITLE}\n\n{draw(COLUMNS, rows, markdown=True)}" if rows else ""


def _pairs(record: Record, measurement: str) -> Iterator[tuple[Row, Row]]:
    """Rows of this and of another package, on the same number of cores."""
    for ours in rows_of(record, measurement, name=OURS):
        for theirs in rows_of(record, measurement):
            if theirs["name"] != OURS and ours.get("cores") == theirs.get("cores"):
                yield ours, theirs


def _row(topic: Topic, ours: Row, theirs: Row) -> Row:
    own, other = (sample(row[topic.key]) for row in (ours, theirs))
    ratio = median_ratio(other, own)
    varies = isinstance(ours[topic.key], dict)
    if varies and min(len(own), len(other)) < MIN_ROUNDS:
        result = "too few rounds to say"
    elif ratio.contains(1):
        result = NOT_SIGNIFICANT
    else:
        result = "ahead" if (ratio.estimate > 1) == (topic.better > 0) else "behind"
    shown = {
        key: topic.shown.format(np.median(values) * topic.scale) for key, values in (("ours", own), ("theirs", other))
    }
    times = ratio.shown("{:.3g}") if varies else f"{ratio.estimate:.3g}"
    return {**theirs, "figure": topic.words, "cores": ours.get("cores"), **shown, "ratio": times, "result": result}
