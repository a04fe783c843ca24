"""Changes between two records."""

from copy import deepcopy

import numpy as np
import pytest

from benchmarks.base.harness import distribution
from benchmarks.report.compare import changed_graphs, changes_text, compare, missing


@pytest.fixture
def pair(record):
    """`pair(before, after)`: two records whose pipeline's FPS on int8 and two cores had these values."""

    def make(before, after):
        records = deepcopy(record), deepcopy(record)
        for one, values in zip(records, (before, after), strict=True):
            (row,) = (r for r in one["figures"]["pipeline"] if (r["variant"], r["cores"]) == ("int8", 2))
            row["fps"] = distribution(values)
        return records

    return make


def fps(changes):
    (change,) = (c for c in changes if c.name == "pipeline, variant int8 cores 2: fps")
    return change


@pytest.mark.parametrize(
    ("after", "real", "worse"),
    [
        pytest.param([100, 101, 102, 99, 98], False, False, id="the same"),
        pytest.param([96, 97, 98, 95, 97], True, False, id="a little worse"),
        pytest.param([80, 81, 82, 79, 78], True, True, id="much worse"),
        pytest.param([120, 121, 122, 119, 118], True, False, id="better"),
        pytest.param([60, 140, 80, 120, 101], False, False, id="all over the place"),
    ],
)
def test_what_lies_inside_the_noise_is_no_difference(pair, after, real, worse):
    change = fps(compare(*pair([100, 101, 102, 99, 98], after)))
    assert change.ratio.estimate == pytest.approx(np.median(after) / 100)
    assert (not change.ratio.contains(1), change.is_worse) == (real, worse)


def test_less_is_better_where_it_is_milliseconds(record):
    slower = deepcopy(record)
    for row in slower["figures"]["latency"]:
        row["round_ms"] = distribution([1.4])
    worse = [change.name for change in compare(record, slower) if change.is_worse]
    assert len(worse) == len(record["figures"]["latency"])
    assert all(what.startswith("latency") for what in worse)
    assert not [change for change in compare(slower, record) if change.is_worse]


def test_only_what_both_have_is_compared_and_all_of_it_is_shown(record):
    less = deepcopy(record)
    less["figures"] = {"face-count": record["figures"]["face-count"]}
    changes = compare(record, less)
    assert len(changes) == len(record["figures"]["face-count"])
    assert changes_text(changes).count("not significantly different") == len(changes)


def test_what_the_second_record_lacks_is_named(record):
    for row in record["figures"]["counts"]:
        row["instructions"] = 20_000_000
    less = deepcopy(record)
    del less["figures"]["live"]
    less["figures"]["counts"][1]["instructions"] = None
    assert missing(record, less) == ["live", "counts, variant int8: instructions"]
    assert not missing(less, record)


def test_other_operators_are_named_and_are_no_number(record):
    other = deepcopy(record)
    other["figures"]["counts"][1]["operators"] = {"CONV_2D": 2, "MUL": 1}
    assert changed_graphs(record, other) == ["int8: ADD 1 → 0, MUL 0 → 1"]
    assert not changed_graphs(record, record)
    del other["figures"]["counts"]
    assert not changed_graphs(record, other)
