"""What a confidence is worth: is it as often right as it says, and what does a threshold on it cost and buy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.metrics import CALIBRATION_BINS, confidence_and_right, confidence_bins

THRESHOLDS = tuple(percent / 100 for percent in range(15, 100, 5))
"""From a seventh, which the most probable of seven classes always has, to nearly certain."""


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies in (low, high].

    Attributes:
        low: exclusive; the first bin has 0, too.
        high: inclusive.
        images: how many there are, at least one.
        confidence: their mean, 0 to 1.
        accuracy: share of right ones, 0 to 1.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Answered:
    """What is left when the model keeps silent below a confidence.

    Attributes:
        threshold: an answer needs at least this confidence.
        coverage: share of the images that get one, 0 to 1.
        accuracy: share of right ones among the answers; None where nothing is answered.
    """

    threshold: float
    coverage: float
    accuracy: float | None


def reliability(truth: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """The reliability diagram (Guo et al. 2017, arXiv 1706.04599), in the bins of `train.metrics.calibration_error`.

    Args:
        truth: int `[n]`, 0 to 6.
        probabilities: float `[n, 7]`.
        bins: how many, of equal width.

    Returns:
        The bins that hold images, by rising confidence.
    """
    confidence, right = confidence_and_right(truth, probabilities)
    places = confidence_bins(confidence, bins)
    found = ((i, places == i) for i in np.unique(places).tolist())
    return tuple(
        Bin(i / bins, (i + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for i, inside in found
    )


def answered(truth: np.ndarray, probabilities: np.ndarray, threshold: float) -> Answered:
    """Coverage and accuracy at one threshold.

    Args:
        truth: int `[n]`, n > 0, 0 to 6.
        probabilities: float `[n, 7]`.
        threshold: 0 to 1.
    """
    right = probabilities.argmax(axis=1) == truth
    sure = probabilities.max(axis=1) >= threshold
    return Answered(threshold, float(sure.mean()), float(right[sure].mean()) if sure.any() else None)


def risk_coverage(
    truth: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[Answered, ...]:
    """The risk-coverage curve of answering by confidence (Geifman and El-Yaniv 2017, arXiv 1705.08500).

    Args:
        truth: int `[n]`, n > 0, 0 to 6.
        probabilities: float `[n, 7]`.
        thresholds: 0 to 1, in any order.

    Returns:
        One entry a threshold, rising; the risk is 1 - accuracy.
    """
    return tuple(answered(truth, probabilities, threshold) for threshold in sorted(thresholds))
