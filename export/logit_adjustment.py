"""Logit adjustment in favour of rare classes, by the class priors of the training split (arXiv 2007.07314).

Each class's logit is reduced by the logarithm of its prior, times a strength that is chosen on the validation split.
"""

import keras
import numpy as np

from train.evaluation.metrics import accuracy, confusion_matrix, macro_f1
from train.model import head_layers

STRENGTHS = tuple(round(0.05 * i, 2) for i in range(13))
"""Candidates; 0 changes nothing, 1 removes the priors."""

MAX_ACCURACY_LOSS = 0.003
"""Limit on the validation split."""


def fit_strength(probabilities: np.ndarray, truth: np.ndarray, priors: np.ndarray) -> float:
    """Choose the strength with the best macro-F1 among those within `MAX_ACCURACY_LOSS`.

    Args:
        probabilities: float32 `[n, classes]`, of images that were not trained on.
        truth: int `[n]`, their classes.
        priors: float `[classes]`, class frequencies in the training labels.

    Returns:
        One of `STRENGTHS`, the lowest of equals.
    """
    logits = np.log(np.clip(probabilities, 1e-7, 1))
    answers = [(logits - s * _log_priors(priors)).argmax(axis=1) for s in STRENGTHS]
    confusions = [confusion_matrix(truth, answered, len(priors)) for answered in answers]
    least = accuracy(confusions[0]) - MAX_ACCURACY_LOSS
    scores = [macro_f1(c) if accuracy(c) >= least else 0.0 for c in confusions]
    return STRENGTHS[int(np.argmax(scores))]


def fold_logit_adjustment(network: keras.Model, strength: float, priors: np.ndarray) -> None:
    """Fold the adjustment into the last layer's bias."""
    (head,) = head_layers(network)
    layer = head.get_layer("probabilities")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - strength * _log_priors(priors)])


def _log_priors(priors: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(priors, 1e-6)).astype(np.float32)
