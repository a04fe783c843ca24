"""The network: a backbone (MobileNetV2 on boards), global average pooling, and a dense head for each label set.

Two forms of the same weights:

- `build_network` is trained and quantized: float32 `[n, size, size, channels]` in [0, 1] to probabilities
  `[n, classes]`, a list of them where there is more than one label set;
- `deployable` is saved, evaluated and exported as float: uint8 RGB `[n, size, size, 3]`, raw pixels, to the
  probabilities of one label set. Nothing outside the graph rescales or converts.
"""

import math
from collections.abc import Iterable

import keras
import numpy as np

from train.config import Config
from train.mobilenet import STEM, build_backbone, transfer_weights
from train.small_picture_networks import SMALL_PICTURE_NETWORKS

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in grey, ITU-R BT.601: what OpenCV's own grey conversion uses."""


def build_network(config: Config, resolution: int, *, batch_norm: bool = False, training: bool = False) -> keras.Model:
    """Build the network of a configuration with random weights.

    Args:
        config: `image_size` faces go in, `channels` deep; `alpha`, `head`, `dropout`, `labels` and `classes` shape
            it.
        resolution: side of the backbone's input, pixels. Twice the face's own needs no resizing (see
            `train.mobilenet.fold_2x_stem`); for any other the face is resized inside the graph.
        batch_norm: build the backbone with batch normalization, else with biases.
        training: build it of layers that train fast, else of layers that can be saved and converted.

    Returns:
        A model from float32 `[n, image_size, image_size, channels]` in [0, 1] to float32 `[n, classes]` (a list of
        them where there is more than one label set), with a sub-model `backbone` and one named after each of
        `config.labels`.
    """
    face = keras.Input((config.image_size, config.image_size, config.channels), name="face")
    folded_2x_stem = config.uses_folded_2x_stem(resolution)
    x, side = face, config.image_size
    if not folded_2x_stem and resolution != side:
        x, side = keras.layers.Resizing(resolution, resolution, interpolation="bilinear", name="resize")(x), resolution
    if build := SMALL_PICTURE_NETWORKS.get(config.network):
        backbone = build(side, config.channels, config.alpha, config.batch_norm_momentum, training=training)
    else:
        backbone = build_backbone(
            side,
            config.channels,
            config.alpha,
            folded_2x_stem=folded_2x_stem,
            batch_norm=batch_norm,
            momentum=config.batch_norm_momentum,
            training=training,
        )
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(backbone(x))
    heads = [_head(config, pooled.shape[1], label_set) for label_set in config.labels]
    return keras.Model(face, [head(pooled) for head in heads], name="network")


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy weights between networks of the same configuration; their backbones may have different forms."""
    for layer in target.layers:
        if layer.name == "backbone":
            transfer_backbone(source, target)
        else:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def transfer_backbone(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of the backbone; MobileNetV2's may have different forms."""
    theirs, ours = source.get_layer("backbone"), target.get_layer("backbone")
    if STEM in [layer.name for layer in ours.layers]:
        transfer_weights(theirs, ours)
    else:
        ours.set_weights(theirs.get_weights())


def transfer_heads(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of each head whose label set and shapes the source has, too."""
    theirs = {head.name: head.get_weights() for head in head_layers(source)}
    for head in head_layers(target):
        weights = theirs.get(head.name, [])
        if [w.shape for w in weights] == [w.shape for w in head.get_weights()]:
            head.set_weights(weights)


def deployable(network: keras.Model, head: str | None = None) -> keras.Model:
    """Wrap a trained network to take raw pixels: uint8 RGB `[n, size, size, 3]` to `[n, classes]`.

    Args:
        network: without batch normalization, built for saving; weights are shared, not copied.
        head: label set; may be omitted where there is only one.

    Returns:
        A model with the sub-model `network`, which has this one head.
    """
    size, channels = network.input_shape[1], network.input_shape[3]
    chosen = head_outputs(network)[head] if head else network.outputs[0]
    alone = keras.Model(network.inputs[0], chosen, name="network")
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="unit_range", dtype="float32")(pixels)
    if channels == 1:
        x = luma_layer()(x)
    return keras.Model(pixels, alone(x), name="emotion")


def mirrored(network: keras.Model) -> keras.Model:
    """Average the features of each face and its mirror image, at twice the cost.

    Args:
        network: with one head, as `deployable` has it.

    Returns:
        A model of the same input, output and sub-models; weights are shared, not copied.
    """
    face = keras.Input(network.input_shape[1:], name="face")
    x = keras.ops.concatenate([face, keras.ops.flip(face, axis=2)], axis=0)  # one pass, so that weights are kept once
    before_head = [layer for layer in network.layers[1:] if layer not in head_layers(network)]
    for layer in before_head:
        x = layer(x)
    as_it_is, in_the_mirror = keras.ops.split(x, 2, axis=0)
    (head,) = head_layers(network)
    return keras.Model(face, head((as_it_is + in_the_mirror) * 0.5), name="network")


def head_layers(network: keras.Model) -> list[keras.Model]:
    """Return the heads of a network, one for each label set."""
    return [layer for layer in network.layers if isinstance(layer, keras.Model) and layer.name != "backbone"]


def head_outputs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Return the output of each head, by label set."""
    return dict(zip((head.name for head in head_layers(network)), network.outputs, strict=True))


def multiply_adds(network: keras.Model, views: int = 1) -> int:
    """Count the multiply-adds of convolutions and dense layers for one face.

    `views` is 2 where the backbone sees the mirror image as well.
    """
    heads = [layer for head in head_layers(network) for layer in head.layers]
    return views * _multiply_adds(network.get_layer("backbone").layers) + _multiply_adds(heads)


def _multiply_adds(layers: Iterable[keras.Layer]) -> int:
    # A convolution's kernel is applied at each place of its output, a dense layer's once.
    with_kernel = [layer for layer in layers if hasattr(layer, "kernel")]
    return sum(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in with_kernel)


def luma_layer() -> keras.layers.Layer:
    """Convert RGB to grey by a fixed 1x1 convolution, which every converter and accelerator supports."""
    layer = keras.layers.Conv2D(1, 1, use_bias=False, trainable=False, name="luma", dtype="float32")
    layer.build((None, None, None, 3))
    layer.set_weights([np.reshape(LUMA, (1, 1, 3, 1)).astype(np.float32)])
    return layer


def _head(config: Config, features: int, label_set: str) -> keras.Model:
    pooled = keras.Input((features,), name="pooled")
    x = pooled
    for i, units in enumerate(config.head):
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{i}")(x)
        x = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(x)
    x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    # Softmax in float32 under mixed precision, too: the loss takes its logarithm.
    x = keras.layers.Dense(len(config.classes), activation="softmax", name="probabilities", dtype="float32")(x)
    return keras.Model(pooled, x, name=label_set)
