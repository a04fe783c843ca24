"""Helps rare classes to be heard: logit adjustment by the classes' shares in training (arXiv 2007.07314).

A network that has seen disgust in one face of a hundred asks for a hundredfold evidence before it says so. A constant
for each class, taken off its logit, lowers that bar; how far is one number, chosen on images that were not trained on.
"""

import keras
import numpy as np

from train.metrics import accuracy, confusion_matrix, macro_f1
from train.model import head_layers

STRENGTHS = tuple(round(0.05 * i, 2) for i in range(13))
"""What is tried; 0 changes nothing, at 1 all classes count as equally common."""

MOST_ACCURACY_PAID = 0.003
"""Accuracy on the validation split that rare classes may cost."""


def choose_strength(probabilities: np.ndarray, truth: np.ndarray, shares: np.ndarray) -> float:
    """The strength of the best macro-F1 among those that cost next to no accuracy.

    Args:
        probabilities: float32 `[n, 7]`, of images that were not trained on.
        truth: int `[n]`, their classes.
        shares: float `[7]`, of the classes in the training labels.

    Returns:
        One of `STRENGTHS`, the smallest of equals.
    """
    logits = np.log(np.clip(probabilities, 1e-7, 1))
    confusions = [confusion_matrix(truth, (logits - s * _rarity(shares)).argmax(axis=1)) for s in STRENGTHS]
    least = accuracy(confusions[0]) - MOST_ACCURACY_PAID
    worth = [macro_f1(c) if accuracy(c) >= least else 0.0 for c in confusions]
    return STRENGTHS[int(np.argmax(worth))]


def fold_balance(network: keras.Model, strength: float, shares: np.ndarray) -> None:
    """Take `strength` times the logarithm of each class's share off its logit, in the last layer's bias."""
    (head,) = head_layers(network)
    layer = head.get_layer("probabilities")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - strength * _rarity(shares)])


def _rarity(shares: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(shares, 1e-6)).astype(np.float32)
