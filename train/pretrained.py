"""ImageNet's weights for a network that takes grey faces in [0, 1]."""

from pathlib import Path

import keras

from edge.base.errors import UserError
from train.config import Config
from train.mobilenet import STEM, convolutions

KERAS_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which Keras publishes ImageNet weights."""


def load_pretrained(network: keras.Model, config: Config, weights: str) -> None:
    """Put ImageNet weights into the network's backbone.

    The published weights expect pixels in [-1, 1]; the network's own input is x/255. That difference, and the sum
    over colour planes for a grey network, is folded into the first convolution and its batch normalization, so
    that the backbone sees what it was trained on with nothing left to compute.

    Args:
        network: as `build_network` made it for the same configuration, normalized, and not on the face's own grid.
        config: the configuration.
        weights: `imagenet` (downloaded by Keras), or a file in Keras's no-top layout.

    Raises:
        UserError: the file is missing, does not fit, or no weights are published for this network or width.
    """
    if config.network != "mobilenet_v2":
        raise UserError(f"there are no ImageNet weights for {config.network}", "train it by WEIGHTS=none")
    backbone = network.get_layer("backbone")
    published = iter(_published_backbone(config.alpha, weights).get_weights())
    for name in convolutions(config.alpha):
        kernel, gamma, beta, mean, variance = (next(published) for _ in range(5))
        if name == STEM:
            # conv(w, 2x - 1) = conv(2w, x) - sum(w), and the constant moves into the mean that is subtracted next.
            # (Exact but for the row and column that the convolution pads.)
            mean = mean + kernel.sum(axis=(0, 1, 2))
            kernel = 2 * (kernel.sum(axis=2, keepdims=True) if config.channels == 1 else kernel)
        backbone.get_layer(name).set_weights([kernel])
        backbone.get_layer(f"{name}_norm").set_weights([gamma, beta, mean, variance])


def _published_backbone(alpha: float, weights: str) -> keras.Model:
    """Keras's own, three colour planes in [-1, 1]."""

    def build(source: str | None) -> keras.Model:
        return keras.applications.MobileNetV2((224, 224, 3), alpha=alpha, include_top=False, weights=source)

    if weights == "imagenet":
        if alpha not in KERAS_ALPHAS:
            raise UserError(f"no ImageNet weights are published for alpha {alpha}", f"use one of {KERAS_ALPHAS}")
        try:
            return build("imagenet")
        except Exception as error:  # Keras raises a bare Exception when the download fails
            raise UserError(
                f"the ImageNet weights could not be downloaded ({error})",
                "give a file by WEIGHTS=<file.weights.h5>",
            ) from error
    if not Path(weights).is_file():
        raise UserError(f"{weights}: no such weights file", "give a Keras no-top file, 'imagenet' or 'none'")
    reference = build(None)
    try:
        reference.load_weights(weights)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{weights}: does not fit MobileNetV2 with alpha {alpha}", "use the no-top file of that width"
        ) from error
    return reference
