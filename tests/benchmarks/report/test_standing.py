"""The table beside other packages says the same as its figures."""

import pytest

from benchmarks.base.harness import distribution
from benchmarks.report.standing import standing_text
from tests.benchmarks.report.test_tables import cells


def lines(record, figure):
    return [row[2:] for row in cells(standing_text(record)) if row[0] == "fer 1" and row[1] == figure]


def set_rounds(record, measurement, key, **values):
    for row in record["figures"][measurement]:
        if row["name"].replace("-", "_") in values:
            row[key] = distribution(values[row["name"].replace("-", "_")])


@pytest.mark.parametrize(
    ("ours", "fer", "expected"),
    [
        ([200, 201, 202], [20, 20.1, 20.2], ["10 (9.9 to 10.1)", "ahead"]),
        ([20, 20.1, 20.2], [200, 201, 202], ["0.1 (0.099 to 0.101)", "behind"]),
        ([20, 21, 30], [10, 22, 40], ["0.955 (0.5 to 3)", "not significantly different"]),
        ([200, 201], [20, 20], ["10 (10 to 10.1)", "too few rounds to say"]),
    ],
)
def test_more_frames_a_second_are_better(record, ours, fer, expected):
    set_rounds(record, "peers", "fps", emotion_edge=ours, fer=fer)
    assert lines(record, "frames a second on the clip") == [[cores, *expected] for cores in "12"]


@pytest.mark.parametrize(("ours", "expected"), [([1.0, 1.1, 1.2], "behind"), ([0.1, 0.11, 0.12], "ahead")])
def test_less_time_is_better(record, ours, expected):
    set_rounds(record, "peers-model", "round_ms", emotion_edge=ours, fer=[0.5, 0.51, 0.52])
    assert [row[-1] for row in lines(record, "one face by the model alone")] == [expected]


def test_what_does_not_vary_wants_no_rounds(record):
    assert lines(record, "what is installed") == [["–", "0.125", "ahead"]]


def test_nothing_is_said_of_what_was_not_measured(record):
    assert not [row for row in cells(standing_text(record)) if row[0] == "mediapipe 1" and "clip" in row[1]]
    del record["figures"]["peers-model"][0]  # our own
    assert "model alone" not in standing_text(record)
    for measurement in [name for name in record["figures"] if name.startswith("peers")]:
        del record["figures"][measurement]
    assert standing_text(record) == ""
