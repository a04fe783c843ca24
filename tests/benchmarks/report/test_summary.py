"""The summary in words says the same as its figures."""

import pytest

from benchmarks.base.bootstrap import Interval
from benchmarks.base.harness import distribution
from benchmarks.base.record import as_plain
from benchmarks.report.summary import summary_text


def point(record, name: str) -> str:
    (line,) = (line for line in summary_text(record).splitlines() if line.startswith(f"- **{name} 1.**"))
    return line


def side(text: str, words: str) -> str:
    """Under which of the headings something stands."""
    before = text.partition(words)[0]
    assert before != text, f"{words} is not in {text}"
    headings = ("Ahead", "Behind", "Not significantly different", "Too few rounds to say")
    return max(headings, key=lambda heading: before.rfind(f"{heading}:"))


def set_rounds(record, measurement, key, **values):
    for row in record["figures"][measurement]:
        if row["name"].replace("-", "_") in values:
            row[key] = as_plain(distribution(values[row["name"].replace("-", "_")]))


@pytest.mark.parametrize(
    ("ours", "fer", "expected", "shown"),
    [
        ([200, 201, 202], [20, 20.1, 20.2], "Ahead", "201.0 against 20.1, 10 times (9.9 to 10.1)"),
        ([20, 20.1, 20.2], [200, 201, 202], "Behind", "20.1 against 201.0, 10 times (9.9 to 10.1)"),
        ([20, 21, 30], [10, 22, 40], "Not significantly different", "21.0 against 22.0"),
        ([200, 201], [20, 20], "Too few rounds to say", "200.5 against 20.0"),
    ],
)
def test_more_frames_a_second_are_better(record, ours, fer, expected, shown):
    set_rounds(record, "peers", "fps", emotion_edge=ours, fer=fer)
    text = point(record, "fer")
    for cores in ("one core", "2 cores"):
        words = f"frames a second on the clip, {cores} {shown}"
        assert side(text, words) == expected


@pytest.mark.parametrize(("ours", "expected"), [([1.0, 1.1, 1.2], "Behind"), ([0.1, 0.11, 0.12], "Ahead")])
def test_less_time_is_better(record, ours, expected):
    set_rounds(record, "peers-model", "round_ms", emotion_edge=ours, fer=[0.5, 0.51, 0.52])
    assert side(point(record, "fer"), "one face by the model alone, one core") == expected


def test_what_does_not_vary_wants_no_rounds(record):
    text = point(record, "fer")
    assert side(text, "what is installed 300 MB against 2400 MB, 8 times;") == "Ahead"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.1, 0.02, 0.18), "Ahead"),
        ((0.1, -0.02, 0.22), "Not significantly different"),
        ((-0.1, -0.18, -0.02), "Behind"),
    ],
)
def test_accuracy_goes_by_the_images(record, interval, expected):
    record["figures"]["peers-accuracy"][1]["paired_difference"] = as_plain(Interval(*interval))
    text = point(record, "fer")
    middle, low, high = (f"{100 * value:+.1f}" for value in interval)
    words = f"accuracy on folder labels 70.0% against 60.0%, {middle} points ({low} to {high})"
    assert side(text, words) == expected
    assert "FER+" not in text, "without votes there is nothing to say of them"


def test_nothing_is_said_of_what_was_not_measured(record):
    assert "clip" not in point(record, "mediapipe")
    del record["figures"]["peers-model"][0]  # our own
    assert "model alone" not in summary_text(record)
    for measurement in [name for name in record["figures"] if name.startswith("peers")]:
        del record["figures"][measurement]
    assert summary_text(record) == ""
