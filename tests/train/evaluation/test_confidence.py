"""Reliability and coverage by confidence, against values that were computed by hand."""

import numpy as np
import pytest

from edge.base.settings import Smoothing
from train.evaluation.confidence import THRESHOLDS, Answered, Bin, answered, reliability, risk_coverage
from train.evaluation.metrics import calibration_error


def answers(*rows: tuple[int, float]) -> np.ndarray:
    """Probabilities float32 `[n, 7]` from (answered class, confidence); the other six share the rest."""
    return np.array([np.where(np.arange(7) == c, p, (1 - p) / 6) for c, p in rows], np.float32)


TRUTH = np.array([0, 0, 1, 2, 3])
ANSWERS = answers((0, 0.9), (0, 0.95), (0, 0.97), (2, 0.5), (4, 0.25))
"""Sure ones: two of three are right. Half sure: right. Unsure: wrong."""


def test_a_bin_holds_the_answers_of_one_confidence():
    low, middle, high = reliability(TRUTH, ANSWERS, bins=5)
    assert low == Bin(0.2, 0.4, 1, 0.25, 0)
    assert middle == Bin(0.4, 0.6, 1, 0.5, 1)
    assert high == Bin(0.8, 1.0, 3, pytest.approx(0.94), pytest.approx(2 / 3))


@pytest.mark.parametrize("confidence", [0.25, 0.5, 0.75, 1.0])
def test_a_bin_ends_with_its_upper_edge(confidence):
    (only,) = reliability(np.array([0]), answers((0, confidence)), bins=4)
    assert (only.low, only.high) == (confidence - 0.25, confidence)


def test_the_calibration_error_is_the_mean_gap_of_the_diagram():
    rng = np.random.default_rng(0)
    probabilities, truth = rng.dirichlet(np.ones(7), 500), rng.integers(0, 7, 500)
    gaps = [b.images * abs(b.confidence - b.accuracy) for b in reliability(truth, probabilities)]
    assert sum(gaps) / 500 == pytest.approx(calibration_error(truth, probabilities))


@pytest.mark.parametrize(
    ("threshold", "coverage", "accuracy"),
    [
        pytest.param(0, 1, 3 / 5, id="everything"),
        pytest.param(0.3, 4 / 5, 3 / 4, id="the unsure one is silent"),
        pytest.param(0.5, 4 / 5, 3 / 4, id="as sure as needed is enough"),
        pytest.param(0.93, 2 / 5, 1 / 2, id="the sure ones"),
        pytest.param(0.96, 1 / 5, 0, id="surest and wrong"),
        pytest.param(0.99, 0, None, id="nothing"),
    ],
)
def test_a_threshold_silences_the_unsure(threshold, coverage, accuracy):
    assert answered(TRUTH, ANSWERS, threshold) == Answered(threshold, coverage, accuracy)


def test_the_curve_falls_from_all_to_few():
    curve = risk_coverage(TRUTH, ANSWERS)
    assert [a.threshold for a in curve] == list(THRESHOLDS)
    coverages = [a.coverage for a in curve]
    assert coverages[0] == 1
    assert coverages == sorted(coverages, reverse=True)


def test_the_edges_own_threshold_is_on_the_curve():
    assert Smoothing().unsure_below in THRESHOLDS


def test_the_order_of_thresholds_does_not_matter():
    assert risk_coverage(TRUTH, ANSWERS, (0.9, 0.3)) == risk_coverage(TRUTH, ANSWERS, (0.3, 0.9))
