"""Scores of a model on a split, by label set."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from train.dataset import Split
from train.evaluation.metrics import Scores, score


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a split.

    Attributes:
        folder: scores against the class of each image's folder.
        crowd: scores against the majority of the votes; None without votes, or where no image has a clear one.
        without_majority: number of images without a clear majority, because the votes are tied, went to none of the
            seven, or are missing; 0 without votes.
    """

    folder: Scores
    crowd: Scores | None
    without_majority: int

    def by_label_set(self) -> dict[str, Scores]:
        """Return the scores by the label set's title."""
        crowd = {"FER+ majority": self.crowd} if self.crowd else {}
        return {"folder labels": self.folder, **crowd}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "folder": self.folder.as_dict(),
            "crowd": self.crowd.as_dict() if self.crowd else None,
            "without_majority": self.without_majority,
        }


def evaluate(probabilities: np.ndarray, split: Split, crowd: np.ndarray | None) -> Evaluation:
    """Score a model's probabilities on a split.

    Args:
        probabilities: float32 `[n, 7]`, in the order of the split's images.
        split: the images and their classes.
        crowd: int `[n]`, the majority of the votes or -1, as `read_crowd_majority` returns it; None without votes.
    """
    folder = score(split.classes, probabilities)
    if crowd is None:
        return Evaluation(folder, None, 0)
    clear = crowd >= 0
    scores = score(crowd[clear], probabilities[clear]) if clear.any() else None
    return Evaluation(folder, scores, int((~clear).sum()))
