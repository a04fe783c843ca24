"""Metrics of a classifier, in numpy only."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

CALIBRATION_BINS = 15
"""Guo et al. 2017's number, for comparison with published figures."""

CONFIDENCE_PERCENTILES = (2.5, 97.5)
"""Ends of a 95% confidence interval among resampled values."""

SMALLEST_PROBABILITY = 1e-7
"""Lower limit of a probability in a logarithm; quantized models do output zero."""


@dataclass(frozen=True)
class Scores:
    """Scores of a set of images. Per-class tuples are in the order of the classes.

    Attributes:
        images: number of images.
        accuracy: share of correct predictions, 0 to 1.
        macro_f1: mean of `f1` over the classes that occur, 0 to 1.
        calibration_error: see `calibration_error`, 0 to 1.
        negative_log_likelihood: see `negative_log_likelihood`, in nats.
        precision: share of correct predictions among those of a class; 0 for a class that was never predicted.
        recall: share of a class's images that were predicted correctly; 0 for a class that does not occur.
        f1: harmonic mean of precision and recall; 0 where both are.
        support: number of images of a class.
        confusion: images by true class (row) and predicted class (column).
    """

    images: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    negative_log_likelihood: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, rounded to six decimals so that float noise does not change files."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def score(truth: np.ndarray, probabilities: np.ndarray) -> Scores:
    """Score predictions. The predicted class is the most probable one, the first of equals.

    Args:
        truth: int `[n]`, class numbers.
        probabilities: float `[n, classes]`, rows that sum to one.

    Raises:
        ValueError: there are no images, the shapes differ, or a class is out of range.
    """
    confusion = confusion_matrix(truth, probabilities.argmax(axis=1), probabilities.shape[1])
    precision, recall, f1 = precision_recall_f1(confusion)
    return Scores(
        images=len(truth),
        accuracy=accuracy(confusion),
        macro_f1=macro_f1(confusion),
        calibration_error=calibration_error(truth, probabilities),
        negative_log_likelihood=negative_log_likelihood(truth, probabilities),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        support=tuple(confusion.sum(axis=1).tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n: int) -> np.ndarray:
    """Count images by true and predicted class.

    Args:
        truth: int `[images]`, 0 to n - 1.
        predicted: int `[images]`, 0 to n - 1.
        n: number of classes.

    Returns:
        int64 `[n, n]`, rows by truth, columns by prediction.

    Raises:
        ValueError: there are no images, the shapes differ, or a class is out of range.
    """
    if truth.shape != predicted.shape or truth.ndim != 1 or not len(truth):
        raise ValueError(f"truth {truth.shape} and predictions {predicted.shape} must be [n] alike, n > 0")
    for classes in (truth, predicted):
        if classes.min() < 0 or classes.max() >= n:
            raise ValueError(f"classes are 0 to {n - 1}, not {classes.min()} to {classes.max()}")
    return np.bincount(truth * n + predicted, minlength=n * n).reshape(n, n)


def accuracy(confusion: np.ndarray) -> float:
    """Compute the accuracy from an int `[n, n]` confusion matrix."""
    return float(np.trace(confusion) / confusion.sum())


def precision_recall_f1(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute precision, recall and F1 of each class, float64 `[n]` each; undefined values are 0.

    Args:
        confusion: int `[n, n]`, as `confusion_matrix` makes it.
    """
    right, answered, support = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return _ratio(right, answered), _ratio(right, support), _ratio(2 * right, answered + support)


def macro_f1(confusion: np.ndarray) -> float:
    """Average F1 over the classes that occur in the truth."""
    f1 = precision_recall_f1(confusion)[2]
    return float(f1[confusion.sum(axis=1) > 0].mean())


def calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Compute the expected calibration error (Guo et al. 2017, On Calibration of Modern Neural Networks).

    Predictions are sorted by confidence, the probability of the predicted class, into `CALIBRATION_BINS` bins
    (low, high] of equal width; the error is the mean distance between a bin's confidence and its accuracy,
    weighted by its number of images.

    Args:
        truth: int `[n]`.
        probabilities: float `[n, classes]`.

    Returns:
        0 (confidence equals accuracy) to 1 (always certain and wrong).
    """
    confidence, right = confidence_and_right(truth, probabilities)
    bins = confidence_bins(confidence, CALIBRATION_BINS)
    gaps = np.bincount(bins, weights=confidence - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def confidence_and_right(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the confidence of each prediction, float64 `[n]`, and True where it is correct, bool `[n]`.

    Args:
        truth: int `[n]`.
        probabilities: float `[n, classes]`.
    """
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == truth


def confidence_bins(confidence: np.ndarray, count: int) -> np.ndarray:
    """Return the bin of each confidence, int `[n]`, 0 to count - 1: (low, high] of equal width from 0 to 1.

    Args:
        confidence: float `[n]`, 0 to 1.
        count: number of bins.
    """
    return np.clip(np.ceil(confidence * count).astype(int) - 1, 0, count - 1)


def negative_log_likelihood(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Average -ln(probability of the true class), in nats.

    Args:
        truth: int `[n]`.
        probabilities: float `[n, classes]`.
    """
    likelihood = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(likelihood, SMALLEST_PROBABILITY)).mean())


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value
