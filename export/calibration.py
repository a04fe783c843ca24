"""The representative data set: faces by which the converter sees what range each tensor takes."""

import numpy as np

from edge.emotions import EMOTIONS
from edge.errors import UserError
from train.dataset import Split

LEAST_IMAGES = 200
"""Below this, ranges depend on which faces were drawn."""


def representative_faces(training: Split, samples: int, seed: int) -> np.ndarray:
    """Draw faces for calibration, as many of each class, from the training split.

    Args:
        training: the split that the model was trained on; calibrating on what it is judged by would flatter it.
        samples: how many in all, at least `LEAST_IMAGES`; what seven does not divide goes to the first classes.
        seed: of the draw.

    Returns:
        uint8 RGB `[n, size, size, 3]`. A class with fewer images than its share gives all it has.

    Raises:
        UserError: too few images, or a class has none.
    """
    if samples < LEAST_IMAGES:
        raise UserError(f"{samples} calibration images are too few", f"take at least {LEAST_IMAGES}")
    rng = np.random.default_rng(seed)
    share, left = divmod(samples, len(EMOTIONS))
    members = [np.flatnonzero(training.classes == number) for number in range(len(EMOTIONS))]
    for name, indices in zip(EMOTIONS, members, strict=True):
        if not len(indices):
            raise UserError(f"no training image of class '{name}' to calibrate with", "every class needs images")
    chosen = np.concatenate([rng.permutation(of)[: share + (i < left)] for i, of in enumerate(members)])
    if len(chosen) < LEAST_IMAGES:
        raise UserError(
            f"the training split gives {len(chosen)} balanced calibration images", f"it must give {LEAST_IMAGES}"
        )
    return training.images[rng.permutation(chosen)]
