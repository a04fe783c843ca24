"""Comparison with each other package in words, from a record's figures alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.base.bootstrap import MIN_ROUNDS, Interval, median_ratio, sample
from benchmarks.base.record import Record, rows_of
from benchmarks.peers.lineup import OURS

AHEAD, BEHIND, LEVEL, UNDECIDED = "Ahead", "Behind", "Not significantly different", "Too few rounds to say"

INTRODUCTION = (
    "**In words**: where this package is ahead of each of the others, and where it is not. In brackets are 95% "
    f"confidence intervals, by bootstrap over {MIN_ROUNDS} or more rounds, for accuracy over the images."
)


class Topic(NamedTuple):
    """A figure in which two packages are compared.

    Attributes:
        words: its name; `{cores}` is filled in.
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
    Topic("frames a second on the clip, {cores}", "peers", "fps", +1, "{:.1f}"),
    Topic("one face by the model alone, {cores}", "peers-model", "round_ms", -1, "{:.2f} ms"),
    Topic("memory on the clip, {cores}", "peers", "peaks", -1, "{:.0f} MB", 1e-6),
    Topic("memory of the model alone, {cores}", "peers-model", "peaks", -1, "{:.0f} MB", 1e-6),
    Topic("what is installed", "peers-footprint", "size", -1, "{:.0f} MB", 1e-6),
    Topic("time to import", "peers-footprint", "start", -1, "{:.2f} s"),
)

SHARES = (
    ("accuracy on folder labels", "accuracy", "paired_difference"),
    ("accuracy on the FER+ majority", "ferplus_accuracy", "ferplus_paired_difference"),
)

Finding = tuple[str, str]
"""A heading, and the text under it."""


def summary_text(record: Record) -> str:
    """A list in Markdown with a point for each other package; empty where none was measured."""
    measurements = dict.fromkeys([*(topic.measurement for topic in TOPICS), "peers-accuracy"])
    rows = [row for measurement in measurements for row in rows_of(record, measurement) if row["name"] != OURS]
    versions = {row["name"]: row["version"] for row in rows}
    points = [f"- **{name} {version}.** {_point(record, name)}" for name, version in versions.items()]
    return "\n\n".join([INTRODUCTION, "\n".join(points)]) if points else ""


def _point(record: Record, name: str) -> str:
    findings = [*_ratios(record, name), *_differences(record, name)]
    sides = {side: [words for s, words in findings if s == side] for side in (AHEAD, BEHIND, LEVEL, UNDECIDED)}
    return " ".join(f"{side}: {'; '.join(words)}." for side, words in sides.items() if words)


def _ratios(record: Record, name: str) -> Iterator[Finding]:
    for topic in TOPICS:
        for ours, theirs in _pairs(record, topic.measurement, name):
            yield _ratio(topic, ours, theirs)


def _differences(record: Record, name: str) -> Iterator[Finding]:
    for ours, theirs in _pairs(record, "peers-accuracy", name):
        for words, share, difference in SHARES:
            if theirs[difference]:
                points = Interval(**{key: 100 * value for key, value in theirs[difference].items()})
                shown = _shown(points, "{:+.1f}", "points")
                yield _side(points, 0, +1), f"{words} {ours[share]:.1%} against {theirs[share]:.1%}, {shown}"


def _pairs(record: Record, measurement: str, name: str) -> Iterator[tuple[Record, Record]]:
    """Rows of this and of another package, on the same number of cores."""
    for theirs in rows_of(record, measurement, name=name):
        for ours in rows_of(record, measurement, name=OURS):
            if ours.get("cores") == theirs.get("cores"):
                yield ours, theirs


def _ratio(topic: Topic, ours: Record, theirs: Record) -> Finding:
    """Ratio of the better figure to the other one."""
    samples = [sample(row[topic.key]) for row in (theirs, ours)]
    cores = "one core" if ours.get("cores") == 1 else f"{ours.get('cores')} cores"
    shown = " against ".join(topic.shown.format(np.median(values) * topic.scale) for values in reversed(samples))
    words = f"{topic.words.format(cores=cores)} {shown}"
    varies = isinstance(ours[topic.key], dict)
    if varies and min(map(len, samples)) < MIN_ROUNDS:
        return UNDECIDED, words
    times = median_ratio(*samples)
    side = _side(times, 1, topic.better)
    if side == LEVEL:
        return side, words
    if times.estimate < 1:
        times = Interval(1 / times.estimate, 1 / times.high, 1 / times.low)
    return side, f"{words}, {_shown(times, '{:.3g}', 'times') if varies else f'{times.estimate:.3g} times'}"


def _side(difference: Interval, none: float, better: int) -> str:
    """Heading for a difference; `none` is its value for packages that are equal."""
    if difference.contains(none):
        return LEVEL
    return AHEAD if (difference.estimate > none) == (better > 0) else BEHIND


def _shown(interval: Interval, shown: str, unit: str) -> str:
    estimate, low, high = (shown.format(value) for value in (interval.estimate, interval.low, interval.high))
    return f"{estimate} {unit} ({low} to {high})"
