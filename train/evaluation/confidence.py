"""Reliability of confidences, and accuracy and coverage by threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.evaluation.metrics import CALIBRATION_BINS, confidence_and_right, confidence_bins

THRESHOLDS = tuple(percent / 100 for percent in range(15, 100, 5))
"""Thresholds upwards from about 1/7, the lowest possible confidence with seven classes."""


@dataclass(frozen=True)
class Bin:
    """Predictions whose confidence lies in (low, high].

    Attributes:
        low: exclusive; the first bin includes 0.
        high: inclusive.
        images: number of images, at least one.
        confidence: mean, 0 to 1.
        accuracy: share of correct predictions, 0 to 1.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Answered:
    """Predictions at or above a confidence threshold.

    Attributes:
        threshold: minimum confidence.
        coverage: share of the images with a prediction, 0 to 1.
        accuracy: share of correct predictions among these; None if there are none.
    """

    threshold: float
    coverage: float
    accuracy: float | None


def reliability(truth: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """Compute the reliability diagram (Guo et al. 2017, arXiv 1706.04599), in the bins of the calibration error.

    Args:
        truth: int `[n]`, 0 to 6.
        probabilities: float `[n, classes]`.
        bins: number of bins of equal width.

    Returns:
        The bins with images, by increasing confidence.
    """
    confidence, right = confidence_and_right(truth, probabilities)
    places = confidence_bins(confidence, bins)
    found = ((i, places == i) for i in np.unique(places).tolist())
    return tuple(
        Bin(i / bins, (i + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for i, inside in found
    )


def answered(truth: np.ndarray, probabilities: np.ndarray, threshold: float) -> Answered:
    """Compute coverage and accuracy at one threshold.

    Args:
        truth: int `[n]`, n > 0, 0 to 6.
        probabilities: float `[n, classes]`.
        threshold: 0 to 1.
    """
    right = probabilities.argmax(axis=1) == truth
    sure = probabilities.max(axis=1) >= threshold
    return Answered(threshold, float(sure.mean()), float(right[sure].mean()) if sure.any() else None)


def risk_coverage(
    truth: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[Answered, ...]:
    """Compute the risk-coverage curve (Geifman and El-Yaniv 2017, arXiv 1705.08500).

    Args:
        truth: int `[n]`, n > 0, 0 to 6.
        probabilities: float `[n, classes]`.
        thresholds: 0 to 1, in any order.

    Returns:
        One entry per threshold, increasing; the risk is 1 - accuracy.
    """
    return tuple(answered(truth, probabilities, threshold) for threshold in sorted(thresholds))
