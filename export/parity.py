"""Proves that a variant answers like float32."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge.errors import UserError

LEAST_AGREEMENT = 0.95
"""Share of the images on which int8 must give float32's label."""

MOST_LOSS = 0.01
"""Accuracy that int8 may lose against float32."""


@dataclass(frozen=True)
class Parity:
    """How a variant's answers differ from float32's, on the same images.

    Attributes:
        agreement: share of the images with the same label.
        accuracy_loss: float32's accuracy less the variant's, by the labels that the model is meant to answer with:
            the crowd's majority where the data set has votes, else the folder's. Negative where the variant is better.
        mean_difference: of the probabilities.
        largest_difference: of any probability.
    """

    agreement: float
    accuracy_loss: float
    mean_difference: float
    largest_difference: float

    def as_dict(self) -> dict[str, Any]:
        return {name: round(value, 6) for name, value in asdict(self).items()}


def compare(reference: np.ndarray, variant: np.ndarray, truth: np.ndarray) -> Parity:
    """Compare probabilities, both float32 `[n, 7]`; `truth` has the images' classes, int `[n]`, -1 where unclear."""
    ours, theirs = variant.argmax(axis=1), reference.argmax(axis=1)
    clear = truth >= 0
    difference = np.abs(variant - reference)
    return Parity(
        agreement=float((ours == theirs).mean()),
        accuracy_loss=float((theirs == truth)[clear].mean() - (ours == truth)[clear].mean()),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
    )


def require_parity(variant: str, parity: Parity) -> None:
    """Refuse a variant that is another model.

    Raises:
        UserError: it agrees on too few images, or loses too much.
    """
    if parity.agreement < LEAST_AGREEMENT or parity.accuracy_loss > MOST_LOSS:
        raise UserError(
            f"{variant} agrees with float32 on {parity.agreement:.1%} of the images and loses "
            f"{parity.accuracy_loss:.2%} of accuracy (allowed: {LEAST_AGREEMENT:.0%} and {MOST_LOSS:.0%})",
            "calibrate with more images by ARGS='--samples N'; nothing was written",
        )
