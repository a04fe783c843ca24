"""Evaluate a variant for the model card: scores, calibration, risk and coverage, robustness."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge.base.settings import Smoothing
from edge.model.manifest import LabelSet
from train.evaluation.confidence import THRESHOLDS, Answered, Bin, reliability, risk_coverage
from train.evaluation.evaluate import evaluate
from train.evaluation.metrics import Scores
from train.evaluation.robustness import Curves, robustness

ROBUSTNESS_IMAGES = 800
"""Number of images for robustness, drawn at random, the same for all variants; the standard error is below 2 points."""


@dataclass(frozen=True)
class Measured:
    """Results of one variant.

    Attributes:
        scores: by label set.
        labels: label set of all further results: the model's own if the data set has it.
        reliability: accuracy by confidence.
        risk_coverage: coverage and accuracy by threshold, the edge's default among them.
        robustness: accuracy by grade of disturbance.
        robustness_images: number of images of `robustness`.
    """

    scores: dict[LabelSet, Scores]
    labels: LabelSet
    reliability: tuple[Bin, ...]
    risk_coverage: tuple[Answered, ...]
    robustness: Curves
    robustness_images: int


def measure(
    probabilities: np.ndarray,
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    truths: Mapping[LabelSet, np.ndarray],
    labels: LabelSet,
    landmarks: np.ndarray,
    sample: int = ROBUSTNESS_IMAGES,
) -> Measured:
    """Evaluate a variant; the same arguments give the same figures.

    Args:
        probabilities: float32 `[n, classes]`, of the images.
        predict: uint8 RGB `[n, size, size, 3]` to float32 `[n, classes]`.
        images: uint8 RGB `[n, size, size, 3]`.
        truths: int `[n]` by label set, the class folders' first; -1 where an image has no clear class.
        labels: the model's label set; the class folders' is used where no image has a clear class by it.
        landmarks: float `[5, 2]`, the manifest's face template.
        sample: maximum number of images for the robustness.
    """
    scores = evaluate(probabilities, truths).scores
    own = labels if labels in scores else next(iter(scores))
    clear = np.flatnonzero(truths[own] >= 0)
    truth, answers = truths[own][clear], probabilities[clear]
    drawn = np.random.default_rng(0).permutation(clear)[:sample]
    return Measured(
        scores=scores,
        labels=own,
        reliability=reliability(truth, answers),
        risk_coverage=risk_coverage(truth, answers, sorted({*THRESHOLDS, Smoothing().unsure_below})),
        robustness=robustness(predict, images[drawn], truths[own][drawn], landmarks),
        robustness_images=len(drawn),
    )
