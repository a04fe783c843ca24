"""Models of several records beside one another."""

from copy import deepcopy

import pytest

from benchmarks.report.trade_off import Point, front, points, trade_off_text


def point(name, ms, accuracy):
    return Point(name, "here", ms, accuracy)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([(2.0, 0.8)], ["a", "0"], id="slower and better"),
        pytest.param([(2.0, 0.6)], ["a"], id="slower and worse"),
        pytest.param([(2.0, 0.7)], ["a"], id="slower and as good"),
        pytest.param([(1.0, 0.8)], ["0"], id="as fast and better"),
        pytest.param([(0.5, 0.7)], ["0"], id="faster and as good"),
        pytest.param([(3.0, 0.8), (2.0, 0.9), (0.5, 0.1)], ["2", "a", "1"], id="several"),
    ],
)
def test_the_front_is_what_nobody_beats_in_both(others, expected):
    candidates = [point("a", 1.0, 0.7), *(point(str(i), *values) for i, values in enumerate(others))]
    assert [p.name for p in front(candidates)] == expected


def test_bundles_of_several_records_stand_in_one_table(record):
    record["settings"]["split"] = "test"
    nano = deepcopy(record)
    nano["bundle"]["name"] = "nano"
    for row in nano["figures"]["latency"]:
        row["ms"]["p50"] = 0.1
    for row in nano["figures"]["accuracy"]:
        row["accuracy"] = 0.6
    names = {p.name: (p.ms, p.accuracy) for p in points([record, nano])}
    first, second = (
        {f"{bundle} {variant}": figures for variant in ("float32", "int8")}
        for bundle, figures in (("tiny", (0.7, 0.71)), ("nano", (0.1, 0.6)))
    )
    assert names == first | second | {"fer 1": (0.75, 0.6)}, "another package is in both, and stands there once"
    assert {p.where for p in points([record, nano])} == {"A Board, test, folder labels"}
    assert trade_off_text([record, nano]).count("| nano") == 2


def test_figures_of_other_machines_and_splits_are_not_mixed(record):
    other = deepcopy(record)
    other["machine"]["board"], other["settings"]["split"] = None, "val"
    assert {p.where for p in points([record, other])} == {
        "A Board, folder labels",
        "a processor, val, folder labels",
    }


def test_models_are_compared_by_each_kind_of_label(record):
    for row in record["figures"]["accuracy"]:
        row["ferplus_accuracy"] = 0.8
    by_crowd = {p.name: p.accuracy for p in points([record]) if p.where == "A Board, FER+ majority"}
    assert by_crowd == {"tiny float32": 0.8, "tiny int8": 0.8}, "the other package has no accuracy on the FER+ majority"


def test_other_packages_join_once_time_and_accuracy_are_known(record):
    figures = {name: record["figures"][name] for name in ("peers-model", "peers-accuracy")}
    record["figures"] = figures
    assert points([record]) == [Point("fer 1", "A Board, folder labels", 0.75, 0.6)]
    for name, rows in figures.items():
        record["figures"] = {name: rows}
        assert points([record]) == []
        assert trade_off_text([record]) == ""
