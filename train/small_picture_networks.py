"""Networks for pictures of 48x48, which see each pixel: too slow for boards, they teach the networks that run there."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from train.batch_norm import training_batch_norm

BatchNorm = Callable[[], Callable[[keras.KerasTensor], keras.KerasTensor]]
"""Makes the layer of one convolution."""


def build_resnet18(side: int, channels: int, alpha: float, momentum: float, *, training: bool) -> keras.Model:
    """Build ResNet-18 (arXiv 1512.03385) for small pictures: the first convolution keeps the size, nothing is pooled.

    Args:
        side: of the image, pixels.
        channels: of the image.
        alpha: width multiplier; 1 has 64 to 512 channels.
        momentum: of batch normalization's moving statistics.
        training: built of layers that train fast; else of plain ones, which can be saved.

    Returns:
        A model named `backbone`, from float32 `[n, side, side, channels]` in [0, 1] to `[n, h, w, features]`.
    """
    norm = _batch_norm(momentum, training)
    image, x = _centred(side, channels)
    x = _unit(x, _width(64, alpha), norm)
    for level in range(4):
        filters = _width(64 * 2**level, alpha)
        for block in range(2):
            x = _residual(x, filters, 2 if level and not block else 1, norm)
    return keras.Model(image, x, name="backbone")


def build_vgg_se(side: int, channels: int, alpha: float, momentum: float, *, training: bool) -> keras.Model:
    """Build VGG (arXiv 1409.1556) in four levels, each with squeeze and excitation (arXiv 1709.01507).

    Arguments and result are those of `build_resnet18`.
    """
    norm = _batch_norm(momentum, training)
    image, x = _centred(side, channels)
    for level, repeats in enumerate((2, 2, 3, 3)):
        filters = _width(64 * 2**level, alpha)
        for _ in range(repeats):
            x = _unit(x, filters, norm)
        x = _squeeze_and_excite(x, filters)
        if level < 3:
            x = layers.MaxPooling2D()(x)
        x = layers.SpatialDropout2D(0.05 * level)(x)
    return keras.Model(image, x, name="backbone")


SMALL_PICTURE_NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "resnet18_48": build_resnet18,
    "vgg_se_48": build_vgg_se,
}
"""Builders by the name in a configuration."""


def _batch_norm(momentum: float, training: bool) -> BatchNorm:
    layer: Any = training_batch_norm() if training else layers.BatchNormalization
    return partial(layer, momentum=momentum, epsilon=1e-5)


def _centred(side: int, channels: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    image = keras.Input((side, side, channels), name="image")
    return image, layers.Rescaling(2.0, -1.0)(image)


def _unit(
    x: keras.KerasTensor, filters: int, norm: BatchNorm, *, size: int = 3, stride: int = 1, clip: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, size, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
    x = norm()(x)
    return layers.ReLU()(x) if clip else x


def _residual(x: keras.KerasTensor, filters: int, stride: int, norm: BatchNorm) -> keras.KerasTensor:
    y = _unit(_unit(x, filters, norm, stride=stride), filters, norm, clip=False)
    if stride > 1:
        x = layers.AveragePooling2D(stride)(x)
    if x.shape[-1] != filters:
        x = _unit(x, filters, norm, size=1, clip=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _squeeze_and_excite(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    weight = layers.Dense(max(1, filters // 8), activation="relu")(layers.GlobalAveragePooling2D()(x))
    weight = layers.Reshape((1, 1, filters))(layers.Dense(filters, activation="sigmoid")(weight))
    return layers.Multiply()([x, weight])


def _width(channels: int, alpha: float) -> int:
    return max(8, round(channels * alpha))
