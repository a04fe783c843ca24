"""Proves that a variant answers like float32, and refuses one that does not."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge.emotions import EMOTIONS
from edge.errors import UserError
from train.metrics import accuracy, confusion_matrix, macro_f1, precision_recall_f1

OPTIONAL = ("dynamic",)
"""Variants that a bundle can do without, where they are not float32's equals: no board runs them by itself."""

LEAST_AGREEMENT = 0.97
"""Share of the images on which a variant must give float32's label."""

MOST_ACCURACY_LOSS = 0.003
MOST_F1_LOSS = 0.005
MOST_RECALL_LOSS = 0.01
"""What a variant may lose of accuracy, of macro-F1, and of any class's recall; of a class with fewer than a hundred
images, where less than one image would be meant, one image."""


@dataclass(frozen=True)
class Parity:
    """How a variant's answers differ from float32's, on the same images. Losses are negative where it is better.

    What is right is decided by the labels that the model is meant to answer with; images whose label is unclear count
    for agreement and differences only.

    Attributes:
        agreement: share of the images with the same label.
        accuracy_loss: float32's accuracy less the variant's.
        macro_f1_loss: the same of the macro-F1.
        recall_loss: the same of the recall, by class, in the order of `EMOTIONS`.
        support: clear images by class.
        mean_difference: of the probabilities.
        largest_difference: of any probability.
    """

    agreement: float
    accuracy_loss: float
    macro_f1_loss: float
    recall_loss: tuple[float, ...]
    support: tuple[int, ...]
    mean_difference: float
    largest_difference: float

    def as_dict(self) -> dict[str, Any]:
        """For the manifest, losses by six decimals."""
        rounded = {name: value if name == "support" else np.round(value, 6) for name, value in asdict(self).items()}
        return {name: np.asarray(value).tolist() for name, value in rounded.items()}

    def faults(self) -> list[str]:
        """What keeps the variant from being the same model, in words; empty where nothing does."""
        found = []
        if self.agreement < LEAST_AGREEMENT:
            found.append(f"agrees on {self.agreement:.1%} of the labels (at least {LEAST_AGREEMENT:.0%})")
        for name, loss, most in (
            ("accuracy", self.accuracy_loss, MOST_ACCURACY_LOSS),
            ("macro-F1", self.macro_f1_loss, MOST_F1_LOSS),
        ):
            if loss > most:
                found.append(f"loses {100 * loss:.2f} points of {name} (at most {100 * most:.1f})")
        for emotion, loss, images in zip(EMOTIONS, self.recall_loss, self.support, strict=True):
            most = max(MOST_RECALL_LOSS, 1 / max(images, 1)) + 1e-9
            if loss > most:
                found.append(f"loses {100 * loss:.1f} points of recall of {emotion} (at most {100 * most:.1f})")
        return found


def compare(reference: np.ndarray, variant: np.ndarray, truth: np.ndarray) -> Parity:
    """Compare a variant with float32.

    Args:
        reference: float32 `[n, 7]`, float32's probabilities.
        variant: float32 `[n, 7]`, the variant's, of the same images.
        truth: int `[n]`, the images' classes, -1 where unclear.
    """
    clear = truth >= 0
    before, after = (confusion_matrix(truth[clear], p.argmax(axis=1)[clear]) for p in (reference, variant))
    difference = np.abs(variant - reference)
    return Parity(
        agreement=float((variant.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        accuracy_loss=accuracy(before) - accuracy(after),
        macro_f1_loss=macro_f1(before) - macro_f1(after),
        recall_loss=tuple((precision_recall_f1(before)[1] - precision_recall_f1(after)[1]).tolist()),
        support=tuple(before.sum(axis=1).tolist()),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
    )


def require_parity(variant: str, parity: Parity, explain: str) -> None:
    """Refuse a variant that is another model; `explain` is the command that says why.

    Raises:
        UserError: it agrees on too few images, or loses too much.
    """
    if faults := parity.faults():
        raise UserError(
            f"{variant} is not float32's equal: it {'; it '.join(faults)}",
            f"see why by: {explain} (nothing was written)",
        )
