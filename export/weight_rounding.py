"""Weight rounding with error feedback (GPTQ, arXiv 2210.17323).

Weights are rounded one input channel after the other; the error of one is added to the following ones, by how much the
channels correlate.
"""

import numpy as np

SAMPLED_PLACES = 20_000
"""Places that are sampled from all faces."""

DAMPING = 0.01
"""Share of the mean square that is added to every channel's own, as in the paper."""


def round_weights(weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Round weights to whole numbers so that the layer's sums change least.

    Args:
        weights: float `[outputs, channels]`, in steps of their scale.
        inputs: float32 `[places, channels]`; their means are ignored, since the bias corrects those.

    Returns:
        int8 `[outputs, channels]`, -127 to 127.
    """
    drawn = np.random.default_rng(0).permutation(len(inputs))[:SAMPLED_PLACES]
    centred = inputs[drawn] - inputs[drawn].mean(axis=0)
    correlation = (centred.T @ centred).astype(np.float64)
    correlation += (DAMPING * np.trace(correlation) / len(correlation) + 1e-9) * np.eye(len(correlation))
    order = np.argsort(-np.diag(correlation))  # largest first: the small ones then absorb the error
    factor = np.linalg.cholesky(np.linalg.inv(correlation[np.ix_(order, order)])).T
    remaining = weights[:, order].astype(np.float64)
    rounded = np.empty(weights.shape, np.int8)
    for i, channel in enumerate(order):
        nearest = np.clip(np.round(remaining[:, i]), -127, 127)
        remaining[:, i + 1 :] -= np.outer((remaining[:, i] - nearest) / factor[i, i], factor[i, i + 1 :])
        rounded[:, channel] = nearest
    return rounded
