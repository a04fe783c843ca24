"""Scores of a model on a split, by label set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.model.manifest import LabelSet
from train.evaluation.metrics import Scores, score

LABEL_TITLES: dict[LabelSet, str] = {
    "ferplus": "FER+ majority",
    "fer2013": "FER-2013 labels",
    "folder": "folder labels",
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a split.

    Attributes:
        scores: by label set, without those in which no image has a clear class.
        without_majority: number of images without a clear majority, because the votes are tied, went to none of the
            classes, or are missing; 0 without votes.
    """

    scores: dict[LabelSet, Scores]
    without_majority: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        scores = {label_set: scores.as_dict() for label_set, scores in self.scores.items()}
        return {"scores": scores, "without_majority": self.without_majority}


def evaluate(probabilities: np.ndarray, truths: Mapping[LabelSet, np.ndarray]) -> Evaluation:
    """Score a model's probabilities on a split.

    Args:
        probabilities: float32 `[n, classes]`, in the order of the split's images.
        truths: int `[n]` by label set, as `read_truths` returns them.
    """
    clear = {label_set: truth >= 0 for label_set, truth in truths.items()}
    scores = {
        label_set: score(truths[label_set][chosen], probabilities[chosen])
        for label_set, chosen in clear.items()
        if chosen.any()
    }
    return Evaluation(scores, sum(int((~chosen).sum()) for chosen in clear.values()))
