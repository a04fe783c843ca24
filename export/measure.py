"""Measures what the model card tells of a variant: how good, how sure of itself, how robust."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge.options import Smoothing
from train.confidence import THRESHOLDS, Answered, Bin, reliability, risk_coverage
from train.metrics import Scores, score
from train.robustness import Curves, robustness

ROBUSTNESS_IMAGES = 800
"""Drawn at random, the same for all variants: the standard error is below two points, and it takes minutes."""


@dataclass(frozen=True)
class Measured:
    """What was measured of one variant.

    Attributes:
        scores: by kind of label, `folder` and perhaps `crowd`.
        labels: the kind that all that follows was measured against: the model's own where the data set has it.
        reliability: accuracy by confidence.
        risk_coverage: what thresholds on the confidence cost and buy, the edge's default among them.
        robustness: accuracy by grade of disturbance.
        robustness_images: how many images that was measured on.
    """

    scores: dict[str, Scores]
    labels: str
    reliability: tuple[Bin, ...]
    risk_coverage: tuple[Answered, ...]
    robustness: Curves
    robustness_images: int


def measure(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    truths: Mapping[str, np.ndarray],
    labels: str,
    landmarks: np.ndarray,
    sample: int = ROBUSTNESS_IMAGES,
) -> Measured:
    """Measure a variant; the same arguments give the same figures.

    Args:
        predict: uint8 RGB `[n, size, size, 3]` to float32 `[n, 7]`.
        images: uint8 RGB `[n, size, size, 3]`.
        truths: int `[n]` by kind of label, `folder` and perhaps `crowd`; -1 where an image has no clear one.
        labels: the kind that the model answers to. Without clear labels of this kind, the folder's count.
        landmarks: float `[5, 2]`, the manifest's face template.
        sample: how many images, at most, the robustness is measured on.
    """
    probabilities = predict(images)
    clear = {kind: truth >= 0 for kind, truth in truths.items() if (truth >= 0).any()}
    own = labels if labels in clear else "folder"
    truth, answers = truths[own][clear[own]], probabilities[clear[own]]
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(clear[own]))[:sample]
    return Measured(
        scores={kind: score(truths[kind][chosen], probabilities[chosen]) for kind, chosen in clear.items()},
        labels=own,
        reliability=reliability(truth, answers),
        risk_coverage=risk_coverage(truth, answers, sorted({*THRESHOLDS, Smoothing().unsure_below})),
        robustness=robustness(predict, images[drawn], truths[own][drawn], landmarks),
        robustness_images=len(drawn),
    )
