"""Accuracy of the variants. The evaluation imports matplotlib, which a board may not have."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.base.errors import UserError
from edge.model.bundle import Bundle
from edge.model.manifest import LabelSet

if TYPE_CHECKING:
    import numpy as np

    from train.dataset import Split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationData:
    """A split in memory.

    Attributes:
        name: `val` or `test`.
        split: images of the models' size, with the classes of their folders.
        ferplus: int `[n]`, FER+ majority label, -1 where it is not clear; None without votes.
    """

    name: str
    split: "Split"
    ferplus: "np.ndarray | None"


@dataclass(frozen=True)
class Accuracy:
    """One variant on one split. Shares are from 0 to 1.

    Attributes:
        variant: which.
        images: how many there were.
        accuracy: share of right answers, against the folders' classes.
        macro_f1: mean F1 of the classes, against the folders' classes.
        ferplus_images: images with a clear FER+ majority, None without votes.
        ferplus_accuracy: against that majority.
        ferplus_macro_f1: against that majority.
    """

    variant: str
    images: int
    accuracy: float
    macro_f1: float
    ferplus_images: int | None
    ferplus_accuracy: float | None
    ferplus_macro_f1: float | None


def load_evaluation_data(root: Path, name: str, size: int) -> EvaluationData:
    """Read a split, and the FER+ votes on it where there are any.

    Args:
        root: the data set's folder.
        name: of the split.
        size: pixels of the side of the models' faces.

    Raises:
        UserError: the data set or something that reads it is missing.
    """
    from train.dataset import load_split, read_ferplus_majority

    split = load_split(root, name, size, 3)
    try:
        return EvaluationData(name, split, read_ferplus_majority(root, split.files))
    except UserError as error:
        log.info("accuracy: no FER+ votes: %s", error.problem)
        return EvaluationData(name, split, None)


def measure_accuracy(bundles: Mapping[str, Bundle], evaluation_data: EvaluationData, threads: int) -> list[Accuracy]:
    """Classify every image by every variant.

    Args:
        bundles: by variant.
        evaluation_data: the images and what is right.
        threads: threads of an inference; the answers are the same with any number.
    """
    from train.model_loader import predict_tflite

    results = []
    for variant, bundle in bundles.items():
        log.info("accuracy: %s on %d images", variant, len(evaluation_data.split.files))
        probabilities = predict_tflite(bundle.model, evaluation_data.split.images, threads)
        results.append(Accuracy(variant, **score_answers(probabilities, evaluation_data)))
    return results


def score_answers(probabilities: "np.ndarray", evaluation_data: EvaluationData) -> dict[str, Any]:
    """Fields of `Accuracy` other than the variant.

    Args:
        probabilities: float32 `[n, 7]`, in the order of the evaluation_data's images.
        evaluation_data: what is right.
    """
    from train.evaluation.evaluate import evaluate

    truths: dict[LabelSet, np.ndarray] = {"folder": evaluation_data.split.classes}
    if evaluation_data.ferplus is not None:
        truths["ferplus"] = evaluation_data.ferplus
    scores = evaluate(probabilities, truths).scores
    folder, ferplus = scores["folder"], scores.get("ferplus")
    return {
        "images": folder.images,
        "accuracy": folder.accuracy,
        "macro_f1": folder.macro_f1,
        "ferplus_images": ferplus and ferplus.images,
        "ferplus_accuracy": ferplus and ferplus.accuracy,
        "ferplus_macro_f1": ferplus and ferplus.macro_f1,
    }
