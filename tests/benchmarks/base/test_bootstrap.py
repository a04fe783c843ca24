import numpy as np
import pytest

from benchmarks.base.bootstrap import Interval, median_ratio, paired_difference, sample
from benchmarks.base.harness import distribution


def test_a_sample_is_what_each_round_found_or_one_count():
    assert sample(distribution([3.0, 1.0, 2.0])).tolist() == [3, 1, 2]
    assert sample(7).tolist() == [7]


@pytest.mark.parametrize(
    ("before", "after", "estimate", "is_one"),
    [
        pytest.param([10, 11, 12], [10, 11, 12], 1, True, id="the same"),
        pytest.param([10, 11, 12], [20, 22, 24], 2, False, id="twice as much"),
        pytest.param([5, 11, 30], [8, 12, 9], 9 / 11, True, id="noise"),
    ],
)
def test_ratios(before, after, estimate, is_one):
    found = median_ratio(np.array(before, float), np.array(after, float))
    assert found.estimate == pytest.approx(estimate)
    assert found.low <= found.estimate <= found.high
    assert found.contains(1) == is_one


def test_a_lead_is_a_difference_of_shares_and_its_interval_narrows_with_the_questions():
    ours, theirs = np.array([1, 1, 1, 0, 0, 1, 1, 0], bool), np.array([1, 0, 1, 0, 1, 0, 0, 0], bool)
    few, many = (paired_difference(np.tile(ours, n), np.tile(theirs, n)) for n in (1, 200))
    assert few.estimate == many.estimate == pytest.approx(2 / 8)
    assert few.contains(0)
    assert not many.contains(0)
    # Each question is won, lost or drawn: the standard error of the mean of those.
    error = (ours.astype(int) - theirs).std() / np.sqrt(1600)
    assert (many.high - many.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_nobody_leads_who_answers_the_same():
    answers = np.array([True, False])
    assert paired_difference(answers, answers) == Interval(0, 0, 0)
