"""Temperature scaling: one number that divides the logits (arXiv 1706.04599)."""

import keras
import numpy as np

from train.model import head_layers

LOWEST, HIGHEST = 0.25, 4.0
"""Search range."""


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Fit the temperature of maximum likelihood.

    Args:
        probabilities: float32 `[n, classes]`, of images that were not trained on.
        truth: int `[n]`, their classes.

    Returns:
        A number in [`LOWEST`, `HIGHEST`]; above 1 the model was overconfident.
    """
    logits = np.log(np.clip(probabilities, 1e-7, 1)).astype(np.float64)
    # The likelihood has one maximum; the grid finds it to one percent.
    grid = np.geomspace(LOWEST, HIGHEST, 279)
    return float(grid[np.argmin([_cross_entropy(logits / t, truth) for t in grid])])


def fold_temperature(network: keras.Model, temperature: float) -> None:
    """Divide the last layer's weights by the temperature, so that every client gets calibrated probabilities."""
    (head,) = head_layers(network)
    layer = head.get_layer("probabilities")
    layer.set_weights([weights / temperature for weights in layer.get_weights()])


def _cross_entropy(logits: np.ndarray, truth: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sums - shifted[np.arange(len(truth)), truth]).mean())
