from dataclasses import replace

import pytest

from benchmarks.bars import check_bars
from benchmarks.harness import distribution


def reached(results, resolution: int = 96) -> list[bool | None]:
    return [bar.reached for bar in check_bars(resolution, results.latency, results.pipeline)]


def test_all_reached(results):
    assert reached(results) == [True] * 4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fps": distribution([150.0])}, [True, False, True, True]),
        ({"first_record": distribution([1.0])}, [True, True, False, True]),
        ({"peak": 200_000_000}, [True, True, True, False]),
    ],
)
def test_a_bar_is_not_reached_at_its_limit(results, changes, expected):
    pipeline = [replace(figure, **changes) for figure in results.pipeline]
    assert [bar.reached for bar in check_bars(96, results.latency, pipeline)] == expected


def test_latency_at_another_resolution_says_nothing_of_the_bar(results):
    bar = check_bars(224, results.latency, results.pipeline)[0]
    assert bar.reached is None
    assert "224×224" in bar.measured


def test_what_was_not_run_was_not_measured(results):
    other = [figure for figure in results.pipeline if figure.cores != 2]
    bars = check_bars(96, [f for f in results.latency if f.variant != "int8"], other)
    assert [bar.reached for bar in bars] == [None] * 4
    assert "not in this bundle" in bars[0].measured
    assert "no run on two cores" in bars[1].measured


def test_without_int8_nothing_is_filled_in(results):
    bars = check_bars(96, [], [figure for figure in results.pipeline if figure.variant != "int8"])
    assert {bar.measured for bar in bars} == {"not measured: int8 is not in this bundle"}
