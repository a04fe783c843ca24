"""Calibration: of the probabilities on the validation split, and the representative faces for int8."""

import numpy as np

from edge.base.errors import UserError
from export.logit_adjustment import fit_strength, fold_logit_adjustment
from export.source import TrainedRun, truth
from export.temperature import fit_temperature, fold_temperature
from train.dataset import Split, read_labels
from train.model import deployable
from train.model_loader import predict_keras

MIN_IMAGES = 200
"""With fewer, the ranges depend on the draw."""


def representative_faces(training: Split, samples: int, seed: int) -> np.ndarray:
    """Draw the representative faces for int8, balanced over the classes, from the training split.

    Args:
        training: the training split; faces that are evaluated must not be used.
        samples: number of faces, at least `MIN_IMAGES`, in equal parts; the first classes give the remainder.
        seed: of the draw.

    Returns:
        uint8 RGB `[n, size, size, 3]`. A class with fewer images than its share gives all it has.

    Raises:
        UserError: too few images, or a class has none.
    """
    if samples < MIN_IMAGES:
        raise UserError(f"{samples} calibration images are too few", f"use at least {MIN_IMAGES}")
    rng = np.random.default_rng(seed)
    share, left = divmod(samples, len(training.names))
    members = [np.flatnonzero(training.classes == number) for number in range(len(training.names))]
    for name, indices in zip(training.names, members, strict=True):
        if not len(indices):
            raise UserError(f"no training image of class '{name}' to calibrate with", "every class needs images")
    chosen = np.concatenate([rng.permutation(of)[: share + (i < left)] for i, of in enumerate(members)])
    if len(chosen) < MIN_IMAGES:
        raise UserError(
            f"the training split gives {len(chosen)} balanced calibration images", f"it must give {MIN_IMAGES}"
        )
    return training.images[rng.permutation(chosen)]


def calibrate_probabilities(run: TrainedRun, strength: float | None = None) -> tuple[float, float]:
    """Fit logit adjustment and temperature on the validation split, and fold both into the network's last layer.

    The temperature is fitted last, to the adjusted probabilities.

    Args:
        run: its network is changed in place.
        strength: of the logit adjustment; fitted if None.

    Returns:
        Temperature and strength.
    """
    right = truth(run.labels, run.data, run.validation)
    clear = right >= 0
    model, faces = deployable(run.network), run.validation.images[clear]
    labels, _ = read_labels(run.data, run.training, [run.labels])
    priors = labels.sum(axis=(0, 1)) / labels.sum()
    if strength is None:
        strength = fit_strength(predict_keras(model, faces), right[clear], priors)
    fold_logit_adjustment(run.network, strength, priors)
    temperature = fit_temperature(predict_keras(model, faces), right[clear])
    fold_temperature(run.network, temperature)
    return temperature, strength
