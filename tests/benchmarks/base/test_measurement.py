import pytest

from benchmarks.base.harness import distribution
from benchmarks.base.measurement import NOT_SIGNIFICANT, marked, points, relative_to_best


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        pytest.param([0.80, 0.81, 0.82], "1.16 times", id="apart"),
        pytest.param([0.60, 0.71, 0.90], NOT_SIGNIFICANT, id="all over the place"),
        pytest.param([0.80, 0.81], NOT_SIGNIFICANT, id="too few rounds to know"),
    ],
)
def test_a_difference_that_is_not_significant_is_not_shown(ours, expected):
    best, other = (
        {"variant": v, "threads": 1, "ms": distribution(values)}
        for v, values in (("int8", [0.69, 0.70, 0.71]), ("float32", ours))
    )
    elsewhere = best | {"threads": 4, "ms": distribution([0.1])}
    rows, relative = [other, best, elsewhere], relative_to_best("ms", "threads")
    assert relative(best, rows) == "best"
    assert relative(other, rows) == expected
    assert relative(elsewhere, rows) is None
    assert (NOT_SIGNIFICANT in marked("+0.1", best["ms"], other["ms"])) == (expected == NOT_SIGNIFICANT)


def test_more_can_be_better():
    rows = [{"cores": 1, "fps": distribution([n, n + 1, n + 2])} for n in (100, 200)]
    assert [relative_to_best("fps", "cores", better=+1)(row, rows) for row in rows] == ["0.50 times", "best"]


def test_a_difference_has_its_interval_in_points():
    row = {"difference": {"estimate": -0.1, "low": -0.18, "high": 0.02}, "none": None}
    assert points("difference")(row, []) == "-10.0 (-18.0 to +2.0)"
    assert points("none")(row, []) is None
