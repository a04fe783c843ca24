"""Bootstrap confidence intervals (Efron, 1979) at 95%."""

from dataclasses import dataclass
from typing import Any

import numpy as np

SAMPLE_RESAMPLES = 4000

INTERVAL_PERCENTILES = (2.5, 97.5)
"""Ends of an interval; not imported from `train`, which boards lack."""

MIN_ROUNDS = 3
"""Smallest number of rounds for a test of significance; fewer say nothing about the spread."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95% confidence interval."""

    estimate: float
    low: float
    high: float

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high

    def shown(self, form: str) -> str:
        """Format the estimate, with the ends of the interval in brackets."""
        estimate, low, high = (form.format(value) for value in (self.estimate, self.low, self.high))
        return f"{estimate} ({low} to {high})"


def sample(figure: Any) -> np.ndarray:
    """Return the values of a figure of a record: one per round for a distribution, else the figure itself."""
    return np.array(figure["values"] if isinstance(figure, dict) else [figure], float)


def median_ratio(before: np.ndarray, after: np.ndarray) -> Interval:
    """Ratio of the medians of two samples of positive values, `after` to `before`."""
    choose = np.random.default_rng(0).choice
    medians = [np.median(choose(values, (SAMPLE_RESAMPLES, len(values))), axis=1) for values in (before, after)]
    low, high = np.percentile(medians[1] / medians[0], INTERVAL_PERCENTILES)
    return Interval(float(np.median(after) / np.median(before)), float(low), float(high))


def significantly_different(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if the interval of the ratio of two medians excludes 1."""
    return min(len(one), len(other)) >= MIN_ROUNDS and not median_ratio(one, other).contains(1)


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Return the difference of two accuracies on the same images, from two arrays bool `[n]` of correct predictions."""
    n = len(ours)
    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    # Resampling images amounts to drawing how many of them each of the two gets right alone.
    draws = np.random.default_rng(0).multinomial(n, [won / n, lost / n, 1 - (won + lost) / n], SAMPLE_RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, INTERVAL_PERCENTILES)
    return Interval((won - lost) / n, float(low), float(high))
