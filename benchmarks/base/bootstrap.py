"""What may be chance: 95% confidence intervals by drawing anew what was measured (bootstrap; Efron, 1979)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 4000
ENDS = (2.5, 97.5)
"""Percentiles at the ends of an interval."""

LEAST_ROUNDS = 3
"""Rounds below which nobody knows how far rounds differ, and two contenders are not told apart."""


@dataclass(frozen=True)
class Interval:
    """A figure that comes of two samples.

    Attributes:
        middle: as measured.
        low: the lower end of its 95% interval.
        high: the upper end.
    """

    middle: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the figure may as well be this value."""
        return self.low <= value <= self.high


def sample(figure: Any) -> np.ndarray:
    """What a record knows of a figure: the values of each round, where it is a distribution over rounds, or itself."""
    return np.array(figure["values"] if isinstance(figure, dict) else [figure], float)


def ratio(before: np.ndarray, after: np.ndarray) -> Interval:
    """How many times as high the median is in the second sample: 1 where nothing changed.

    Args:
        before: positive values, one of each round.
        after: as many or others.
    """
    draw = np.random.default_rng(0).choice
    medians = [np.median(draw(values, (DRAWS, len(values))), axis=1) for values in (before, after)]
    low, high = np.percentile(medians[1] / medians[0], ENDS)
    return Interval(float(np.median(after) / np.median(before)), float(low), float(high))


def told_apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two contenders' medians differ by more than their rounds do among themselves."""
    return min(len(one), len(other)) >= LEAST_ROUNDS and not ratio(one, other).holds(1)


def lead(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """By how much the share of right answers is higher in the first of two that answered the same questions.

    Args:
        ours: bool `[n]`, which answers are right.
        theirs: bool `[n]`, the same of the other.

    Returns:
        From -1 to 1, 0 where they are equally good.
    """
    n = len(ours)
    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    # Drawing questions anew is drawing how many of them each of the two wins.
    draws = np.random.default_rng(0).multinomial(n, [won / n, lost / n, 1 - (won + lost) / n], DRAWS)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, ENDS)
    return Interval((won - lost) / n, float(low), float(high))
