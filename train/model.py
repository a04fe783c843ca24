"""The network: MobileNetV2, pooled, dense head, softmax over the seven emotions.

Two views of the same weights:

- `build_network` is what is trained and quantized: float32 `[n, size, size, channels]` in [0, 1] to
  probabilities `[n, 7]`;
- `deployable` is what is saved, evaluated and exported as float: uint8 RGB `[n, size, size, 3]`, raw pixels,
  to the same probabilities. Nothing outside the graph rescales or converts.
"""

from pathlib import Path

import keras
import numpy as np

from edge.emotions import EMOTIONS
from edge.errors import UserError
from train.config import Config

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in grey, ITU-R BT.601: what OpenCV's own grey conversion uses."""

KERAS_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which Keras publishes ImageNet weights."""


def build_network(config: Config, resolution: int) -> keras.Model:
    """The trainable network, weights at random.

    Args:
        config: `image_size` faces go in, `channels` deep; `alpha`, `head` and `dropout` shape it.
        resolution: pixels of the backbone's side; smaller faces are upsampled inside the graph. The weights do
            not depend on it, so they can move between networks of different resolution.

    Returns:
        A model from float32 `[n, image_size, image_size, channels]` in [0, 1] to float32 `[n, 7]`, with a
        sub-model named `backbone`.
    """
    face = keras.Input((config.image_size, config.image_size, config.channels), name="face")
    x = face
    if resolution != config.image_size:
        x = keras.layers.Resizing(resolution, resolution, interpolation="bilinear", name="upsample")(x)
    x = _backbone(config.alpha, resolution, config.channels, config.normalization)(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    for i, units in enumerate(config.head):
        x = keras.layers.Dropout(config.dropout, name=f"head_dropout_{i}")(x)
        x = keras.layers.Dense(units, activation="relu", name=f"head_dense_{i}")(x)
    x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    # Softmax in float32 also under mixed precision: the loss takes its logarithm.
    probabilities = keras.layers.Dense(len(EMOTIONS), activation="softmax", name="probabilities", dtype="float32")(x)
    return keras.Model(face, probabilities, name="network")


def deployable(network: keras.Model) -> keras.Model:
    """Wrap a trained network so that it takes raw pixels: uint8 RGB `[n, size, size, 3]` to `[n, 7]`."""
    size, channels = network.input_shape[1], network.input_shape[3]
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="unit_range", dtype="float32")(pixels)
    if channels == 1:
        x = luma_layer()(x)
    return keras.Model(pixels, network(x), name="emotion")


def luma_layer() -> keras.layers.Layer:
    """RGB to grey as a fixed 1x1 convolution, which every converter and accelerator knows."""
    layer = keras.layers.Conv2D(1, 1, use_bias=False, trainable=False, name="luma", dtype="float32")
    layer.build((None, None, None, 3))
    layer.set_weights([np.reshape(LUMA, (1, 1, 3, 1)).astype(np.float32)])
    return layer


def load_pretrained(network: keras.Model, config: Config, weights: str) -> None:
    """Put ImageNet weights into the network's backbone.

    The published weights expect pixels in [-1, 1]; the network's own input is x/255. That difference, and the sum
    over colour planes for a grey network, is folded into the first convolution and its batch normalization, so
    that the backbone sees what it was trained on with nothing left to compute.

    Args:
        network: as `build_network` made it.
        config: the same configuration.
        weights: `imagenet` (downloaded by Keras), `none`, or a file in Keras's no-top layout.

    Raises:
        UserError: the file is missing, does not fit, or no weights are published for this width.
    """
    if weights == "none":
        return
    reference = _reference_backbone(config.alpha, weights)
    backbone = network.get_layer("backbone")
    pretrained = reference.get_weights()
    if config.channels == 1:
        # Summed over colours, the first kernel answers to grey as it did to R = G = B.
        pretrained[0] = pretrained[0].sum(axis=2, keepdims=True)
    backbone.set_weights(pretrained)
    _fold_input_range(backbone)


def _backbone(alpha: float, resolution: int, channels: int, normalization: float = 0.999) -> keras.Model:
    """MobileNetV2 without its head; `normalization` is the momentum of its batch statistics."""
    backbone = keras.applications.MobileNetV2(
        (resolution, resolution, channels), alpha=alpha, include_top=False, weights=None, name="backbone"
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = normalization
    return backbone


def _reference_backbone(alpha: float, weights: str) -> keras.Model:
    """The published backbone, three colour planes in [-1, 1]."""
    if weights == "imagenet":
        if alpha not in KERAS_ALPHAS:
            raise UserError(f"no ImageNet weights are published for alpha {alpha}", f"use one of {KERAS_ALPHAS}")
        try:
            return keras.applications.MobileNetV2((224, 224, 3), alpha=alpha, include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises a bare Exception when the download fails
            raise UserError(
                f"the ImageNet weights could not be downloaded ({error})",
                "give a file by WEIGHTS=<file.weights.h5>",
            ) from error
    if not Path(weights).is_file():
        raise UserError(f"{weights}: no such weights file", "give a Keras no-top file, 'imagenet' or 'none'")
    reference = _backbone(alpha, 224, 3)
    try:
        reference.load_weights(weights)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{weights}: does not fit MobileNetV2 with alpha {alpha}", "take the no-top file of that width"
        ) from error
    return reference


def _fold_input_range(backbone: keras.Model) -> None:
    """Make a backbone for [-1, 1] take [0, 1].

    conv(w, 2x - 1) = conv(2w, x) - sum(w), and the constant moves into the mean that the following batch
    normalization subtracts. (Exact but for the one row and column that the convolution pads.)
    """
    convolution, normalization = backbone.get_layer("Conv1"), backbone.get_layer("bn_Conv1")
    (kernel,) = convolution.get_weights()
    gamma, beta, mean, variance = normalization.get_weights()
    convolution.set_weights([2 * kernel])
    normalization.set_weights([gamma, beta, mean + kernel.sum(axis=(0, 1, 2)), variance])
