"""Says in words, from a record's figures alone, where this package is ahead of each other one and where it is not."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from benchmarks.base.bootstrap import LEAST_ROUNDS, Interval, ratio, sample
from benchmarks.base.record import Record, find_row
from benchmarks.peers.lineup import OURS

AHEAD, BEHIND, LEVEL, UNDECIDED = "Ahead", "Behind", "No difference beyond chance", "Too few rounds to say"

INTRODUCTION = (
    "**In words**: where this package is ahead of each of the others, and where it is not. In brackets are 95% "
    f"intervals, drawn from {LEAST_ROUNDS} or more rounds, for accuracy from the images; where one leaves room for no "
    "difference, none is claimed."
)


@dataclass(frozen=True)
class _Topic:
    """One thing that two packages are compared in.

    Attributes:
        words: what it is; `{cores}` is filled in.
        measurement: whose rows have it.
        key: of the figure: a count, or a distribution over rounds.
        better: +1 where more is better, -1 where less is.
        shown: format of one figure in its unit.
        scale: from the record's unit to that.
    """

    words: str
    measurement: str
    key: str
    better: int
    shown: str
    scale: float = 1.0


TOPICS = (
    _Topic("frames a second on the clip, {cores}", "peers", "fps", +1, "{:.1f}"),
    _Topic("one face by the model alone, {cores}", "peers-model", "round_ms", -1, "{:.2f} ms"),
    _Topic("memory on the clip, {cores}", "peers", "peaks", -1, "{:.0f} MB", 1e-6),
    _Topic("memory of the model alone, {cores}", "peers-model", "peaks", -1, "{:.0f} MB", 1e-6),
    _Topic("what is installed", "peers-footprint", "size", -1, "{:.0f} MB", 1e-6),
    _Topic("time to import", "peers-footprint", "start", -1, "{:.2f} s"),
)

SHARES = (
    ("accuracy on folder labels", "accuracy", "lead"),
    ("accuracy on the FER+ majority", "crowd_accuracy", "crowd_lead"),
)

Finding = tuple[str, str]
"""On which side, and what."""


def verdict_text(record: Record) -> str:
    """A list in Markdown with a point for each other package; nothing where none was measured."""
    points = [f"- **{name} {version}.** {_point(record, name)}" for name, version in _others(record).items()]
    return "\n\n".join([INTRODUCTION, "\n".join(points)]) if points else ""


def _others(record: Record) -> dict[str, str]:
    """Versions by name, in the order of the tables."""
    measurements = ("peers", "peers-model", "peers-footprint", "peers-accuracy")
    rows = [row for measurement in measurements for row in record["figures"].get(measurement, ())]
    return {row["name"]: row["version"] for row in rows if row["name"] != OURS}


def _point(record: Record, name: str) -> str:
    findings = [*_ratios(record, name), *_leads(record, name)]
    sides = {side: [words for s, words in findings if s == side] for side in (AHEAD, BEHIND, LEVEL, UNDECIDED)}
    return " ".join(f"{side}: {'; '.join(words)}." for side, words in sides.items() if words)


def _ratios(record: Record, name: str) -> Iterator[Finding]:
    for topic in TOPICS:
        for ours, theirs in _pairs(record, topic.measurement, name):
            yield _ratio(topic, ours, theirs)


def _leads(record: Record, name: str) -> Iterator[Finding]:
    for ours, theirs in _pairs(record, "peers-accuracy", name):
        for words, share, lead in SHARES:
            if theirs[lead]:
                points = Interval(**{key: 100 * value for key, value in theirs[lead].items()})
                yield (
                    _side(points, 0, better=1),
                    f"{words} {ours[share]:.1%} against {theirs[share]:.1%}, {_of(points, '{:+.1f}', 'points')}",
                )


def _pairs(record: Record, measurement: str, name: str) -> Iterator[tuple[Record, Record]]:
    """Rows of our own and of another package, on the same number of cores."""
    for theirs in record["figures"].get(measurement, ()):
        if theirs["name"] == name:
            which = {key: theirs[key] for key in ("cores",) if key in theirs}
            with suppress(LookupError):
                yield find_row(record, measurement, name=OURS, **which), theirs


def _ratio(topic: _Topic, ours: Record, theirs: Record) -> Finding:
    """By how many times the better one of the two is better."""
    samples = [sample(row[topic.key]) for row in (theirs, ours)]
    cores = "one core" if ours.get("cores") == 1 else f"{ours.get('cores')} cores"
    shown = " against ".join(topic.shown.format(np.median(values) * topic.scale) for values in reversed(samples))
    words = f"{topic.words.format(cores=cores)} {shown}"
    varies = isinstance(ours[topic.key], dict)
    if varies and min(map(len, samples)) < LEAST_ROUNDS:
        return UNDECIDED, words
    times = ratio(*samples)
    side = _side(times, 1, topic.better)
    if side == LEVEL:
        return side, words
    upright = _upright(times)
    by = _of(upright, "{:.3g}", "times") if varies else f"{upright.middle:.3g} times"
    return side, f"{words}, {by}"


def _side(difference: Interval, none: float, better: int) -> str:
    """Where we are, given what the difference would be if there were none."""
    if difference.holds(none):
        return LEVEL
    return AHEAD if (difference.middle > none) == (better > 0) else BEHIND


def _upright(times: Interval) -> Interval:
    """As a number of times above 1, whoever of the two is better."""
    return times if times.middle >= 1 else Interval(1 / times.middle, 1 / times.high, 1 / times.low)


def _of(interval: Interval, shown: str, unit: str) -> str:
    middle, low, high = (shown.format(value) for value in (interval.middle, interval.low, interval.high))
    return f"{middle} {unit} ({low} to {high})"
