"""Refuse a model that has learnt nothing."""

import math

from edge.base.errors import UserError
from train.evaluation.metrics import Scores

SIGNIFICANT = 1.64
"""Standard errors by which the mean recall must exceed chance: a one-sided test at 5%."""


def require_better_than_chance(scores: Scores, classes: tuple[str, ...]) -> None:
    """Check that a model tells the classes apart.

    Raises:
        UserError: it predicts a single class, or its mean recall is not significantly above that of guessing.
    """
    remedy = "train longer, on more images or with other settings, or export it nevertheless by ARGS=--allow-chance"
    predicted = [name for name, column in zip(classes, zip(*scores.confusion, strict=True), strict=True) if any(column)]
    if len(predicted) == 1:
        raise UserError(f"the model predicts {predicted[0]} for all {scores.images:,} images", remedy)
    recalls = [recall for recall, images in zip(scores.recall, scores.support, strict=True) if images]
    mean, chance = sum(recalls) / len(recalls), 1 / len(classes)
    if mean <= chance + SIGNIFICANT * math.sqrt(chance * (1 - chance) / scores.images):
        raise UserError(
            f"the model is not better than chance: its mean recall is {mean:.1%} on {scores.images:,} images, that of "
            f"guessing {chance:.1%}",
            remedy,
        )
