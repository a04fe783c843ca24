"""Parity check: a variant must predict the same as float32."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge.base.classes import EMOTIONS
from train.evaluation.metrics import accuracy, confusion_matrix, macro_f1, precision_recall_f1

OPTIONAL = ("dynamic",)
"""Variants that are left out if they fail; no board runs them by default."""

LEAST_AGREEMENT = 0.97
"""Share of the images on which a variant must give float32's label."""

MOST_ACCURACY_LOSS = 0.003
MOST_F1_LOSS = 0.005
MOST_RECALL_LOSS = 0.01
"""Maximum losses of accuracy, macro-F1 and any class's recall; where one image is worth more, one image may be lost."""


@dataclass(frozen=True)
class Parity:
    """Difference of a variant's predictions from float32's on the same images; negative losses are gains.

    The truth is the exported label set; images with an unclear label count for agreement and differences only.

    Attributes:
        agreement: share of the images with the same label.
        accuracy_loss: float32's accuracy less the variant's.
        macro_f1_loss: the same of the macro-F1.
        recall_loss: the same of the recall, by class.
        support: clear images by class.
        mean_difference: of the probabilities.
        largest_difference: of any probability.
        classes: their names.
    """

    agreement: float
    accuracy_loss: float
    macro_f1_loss: float
    recall_loss: tuple[float, ...]
    support: tuple[int, ...]
    mean_difference: float
    largest_difference: float
    classes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the manifest, rounded to six decimals."""
        values = {name: value for name, value in asdict(self).items() if name != "classes"}
        rounded = {name: value if name == "support" else np.round(value, 6) for name, value in values.items()}
        return {name: np.asarray(value).tolist() for name, value in rounded.items()}

    def faults(self) -> list[str]:
        """Return the reasons to refuse the variant, in words; empty if there are none."""
        found = []
        if self.agreement < LEAST_AGREEMENT:
            found.append(f"agrees on {self.agreement:.1%} of the labels (at least {LEAST_AGREEMENT:.0%})")
        smallest = min((images for images in self.support if images), default=1)
        for name, loss, most in (
            ("accuracy", self.accuracy_loss, max(MOST_ACCURACY_LOSS, 1 / max(sum(self.support), 1))),
            ("macro-F1", self.macro_f1_loss, max(MOST_F1_LOSS, 2 / (len(self.support) * smallest))),
        ):
            if loss > most + 1e-9:
                found.append(f"loses {100 * loss:.2f} points of {name} (at most {100 * most:.1f})")
        for emotion, loss, images in zip(self.classes, self.recall_loss, self.support, strict=True):
            most = max(MOST_RECALL_LOSS, 1 / max(images, 1)) + 1e-9
            if loss > most:
                found.append(f"loses {100 * loss:.1f} points of recall of {emotion} (at most {100 * most:.1f})")
        return found


def compare(
    reference: np.ndarray, variant: np.ndarray, truth: np.ndarray, classes: tuple[str, ...] = EMOTIONS
) -> Parity:
    """Compare a variant with float32.

    Args:
        reference: float32 `[n, classes]`, float32's probabilities.
        variant: float32 `[n, classes]`, the variant's, of the same images.
        truth: int `[n]`, the images' classes, -1 where unclear.
        classes: their names.
    """
    clear = truth >= 0
    labels = (probabilities.argmax(axis=1)[clear] for probabilities in (reference, variant))
    before, after = (confusion_matrix(truth[clear], answered, len(classes)) for answered in labels)
    difference = np.abs(variant - reference)
    return Parity(
        agreement=float((variant.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        accuracy_loss=accuracy(before) - accuracy(after),
        macro_f1_loss=macro_f1(before) - macro_f1(after),
        recall_loss=tuple((precision_recall_f1(before)[1] - precision_recall_f1(after)[1]).tolist()),
        support=tuple(before.sum(axis=1).tolist()),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
        classes=classes,
    )
