"""Accuracy of the variants. The evaluation is imported late: it imports matplotlib, which a board may lack."""

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.base.measurement import SCORES, VARIANT, Measurement
from benchmarks.base.plan import Plan
from edge.base.errors import UserError
from edge.base.text_table import Row
from edge.model.classifier import EmotionClassifier
from edge.model.manifest import LabelSet

if TYPE_CHECKING:
    import numpy as np

    from train.dataset import Split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationData:
    """A split in memory, with the FER+ majority label of each image, -1 where it is not clear; None without votes."""

    split: "Split"
    ferplus: "np.ndarray | None"


def evaluation_data(plan: Plan) -> EvaluationData:
    """Read the plan's split, with its FER+ votes if there are any; cached."""
    if plan.data is None:
        raise UserError("no data set was named", "name it by --data")
    return _load(plan.data, plan.split, plan.shipping.input_size)


@cache
def _load(root: Path, name: str, size: int) -> EvaluationData:
    from train.dataset import load_split, read_ferplus_majority

    split = load_split(root, name, size, 3)
    try:
        return EvaluationData(split, read_ferplus_majority(root, split.files))
    except UserError as error:
        log.info("accuracy: no FER+ votes: %s", error.problem)
        return EvaluationData(split, None)


def measure_accuracy(plan: Plan) -> list[Row]:
    """Classify every image with every variant; a row has the keys of `scores`."""
    data, rows = evaluation_data(plan), list[Row]()
    for variant, bundle in plan.bundles.items():
        log.info("accuracy: %s on %d images", variant, len(data.split.files))
        answers = EmotionClassifier.from_bundle(bundle, plan.most_cores).classify(data.split.images)
        rows.append({"variant": variant, **scores(answers, data)})
    return rows


def scores(answers: "np.ndarray", data: EvaluationData) -> Row:
    """Score probabilities, float32 `[n, 7]` in the order of the images.

    Returns:
        `images`, `accuracy` and `macro_f1` against the folders' classes; with the prefix `ferplus_` the same against
        the majority of the votes, where that is clear, None without votes.
    """
    from train.evaluation.evaluate import evaluate

    truths: dict[LabelSet, np.ndarray] = {"folder": data.split.classes}
    if data.ferplus is not None:
        truths["ferplus"] = data.ferplus
    found = evaluate(answers, truths).scores
    return {
        prefix + key: getattr(one, key) if one else None
        for prefix, one in (("", found["folder"]), ("ferplus_", found.get("ferplus")))
        for key in ("images", "accuracy", "macro_f1")
    }


ACCURACY = Measurement(
    "accuracy",
    measure_accuracy,
    "**Accuracy**",
    (VARIANT, *SCORES),
    {"accuracy": +1, "ferplus_accuracy": +1},
    usual=True,
)
