import pytest

from benchmarks.base.harness import MIN_CALLS, distribution, interleave, timed_burst


def test_every_round_runs_all_and_starts_one_later():
    order: list[str] = []
    interleave("x", order.append, [(name,) for name in "abc"], rounds=4)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"


def test_results_are_kept_by_case_in_the_order_of_rounds():
    count = iter(range(10))
    results = interleave("x", lambda name: next(count), [("a",), ("b",)], rounds=3)
    assert results == {("a",): [0, 3, 4], ("b",): [1, 2, 5]}
    assert list(results) == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (1, 3, 3, 3, 3, 3, 3)),
        (range(101), (101, 50, 0, 50, 95, 99, 100)),
        ([4.0, 1.0, 3.0, 2.0], (4, 2.5, 1, 2.5, 3.85, 3.97, 4)),
    ],
)
def test_distribution(values, expected):
    d = distribution(values)
    assert tuple(d[key] for key in ("n", "mean", "minimum", "p50", "p95", "p99", "maximum")) == pytest.approx(expected)


def test_a_burst_does_not_count_its_warm_up():
    calls: list[int] = []
    times = timed_burst(lambda: calls.append(1), warm_up=0, seconds=0)
    assert len(times) == MIN_CALLS
    assert len(calls) == 2 * MIN_CALLS
    assert all(t >= 0 for t in times)
