"""MobileNetV2 (arXiv 1801.04381) for small faces and for fast training on CPUs.

Three forms differ from Keras's model and compute the same function:

- enlarging the face twofold is folded into the first convolution (`fold_2x_stem`);
- batch normalization is folded into the convolutions for inference;
- for training, 1x1 convolutions are matrix products and batch normalization is one operation, in half the time.

`transfer_weights` copies weights between all forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from train.batch_norm import training_batch_norm

STEM, TOP = "stem", "top"
"""Names of the first and the last convolution."""

PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Table 2 of the paper: expansion, channels, repeats, stride of the first block."""

_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """An inverted residual.

    Attributes:
        name: prefix of its convolutions, `<name>_expand`, `<name>_depthwise` and `<name>_project`.
        expanded: channels between expansion and projection.
        channels: output channels.
        stride: of the depthwise convolution.
        expands: True if there is an expansion.
        adds: True if the input is added to the output.
    """

    name: str
    expanded: int
    channels: int
    stride: int
    expands: bool
    adds: bool

    @property
    def convolutions(self) -> tuple[str, ...]:
        parts = ("expand", "depthwise", "project") if self.expands else ("depthwise", "project")
        return tuple(f"{self.name}_{part}" for part in parts)


def blocks(alpha: float) -> list[Block]:
    """Return the blocks of a network with a width multiplier."""
    before = _width(32 * alpha)
    found: list[Block] = []
    for expansion, channels, repeats, stride in PLAN:
        for repeat in range(repeats):
            step, after = stride if repeat == 0 else 1, _width(channels * alpha)
            adds = step == 1 and before == after
            found.append(
                Block(f"block_{len(found)}", expansion * before, after, step, expands=expansion > 1, adds=adds)
            )
            before = after
    return found


def convolutions(alpha: float) -> list[str]:
    """Return the names of all convolutions, from the first to the last."""
    return [STEM, *(name for block in blocks(alpha) for name in block.convolutions), TOP]


def build_backbone(
    side: int, channels: int, alpha: float, *, folded_2x_stem: bool, batch_norm: bool, momentum: float, training: bool
) -> keras.Model:
    """Build MobileNetV2 without pooling and head, with random weights.

    Args:
        side: of the image, pixels.
        channels: of the image.
        alpha: width multiplier.
        folded_2x_stem: the first convolution has stride 1 and stands for one of stride 2 on the image enlarged twofold.
        batch_norm: with batch normalization; else the convolutions have biases.
        momentum: of batch normalization's moving statistics.
        training: built of layers that train fast; else of plain ones, which can be saved and converted.

    Returns:
        A model named `backbone`, from float32 `[n, side, side, channels]` to `[n, h, w, features]`.
    """
    pointwise = PointwiseConv2D if training else keras.layers.Conv2D
    normalization = training_batch_norm() if training else keras.layers.BatchNormalization

    def finish(x: keras.KerasTensor, name: str, *, clip: bool = True) -> keras.KerasTensor:
        if batch_norm:
            x = normalization(epsilon=_EPSILON, momentum=momentum, name=f"{name}_norm")(x)
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if clip else x

    def pointwise_unit(x: keras.KerasTensor, name: str, filters: int, *, clip: bool = True) -> keras.KerasTensor:
        return finish(pointwise(filters, 1, use_bias=not batch_norm, name=name)(x), name, clip=clip)

    image = keras.Input((side, side, channels), name="image")
    strides = 1 if folded_2x_stem else 2
    stem = keras.layers.Conv2D(_width(32 * alpha), 3, strides, "same", use_bias=not batch_norm, name=STEM)
    x = finish(stem(image), STEM)
    for block in blocks(alpha):
        y, depthwise = x, f"{block.name}_depthwise"
        if block.expands:
            y = pointwise_unit(y, f"{block.name}_expand", block.expanded)
        y = keras.layers.DepthwiseConv2D(3, block.stride, "same", use_bias=not batch_norm, name=depthwise)(y)
        y = pointwise_unit(finish(y, depthwise), f"{block.name}_project", block.channels, clip=False)
        x = keras.layers.Add(name=f"{block.name}_add")([x, y]) if block.adds else y
    x = pointwise_unit(x, TOP, 1280 if alpha <= 1 else _width(1280 * alpha))
    return keras.Model(image, x, name="backbone")


def transfer_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of a backbone to another one of any form.

    Args:
        source: its batch normalization is folded where the target has none. Where it is wider, evenly spaced channels
            are selected (weight selection, arXiv 2311.18823), which is a better start than random weights.
        target: where it has a folded 2x stem and the source has not, the two differ in the outermost row and column.
    """
    for layer in target.layers:
        if not isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            continue
        ours, theirs = _unit(target, layer.name), _unit(source, layer.name)
        if not ours.normalization and theirs.normalization:
            weights = folded(theirs.convolution.get_weights()[0], *theirs.normalization.get_weights())
        else:
            weights = tuple(theirs.convolution.get_weights())
        if layer.strides != theirs.convolution.strides:
            weights = (fold_2x_stem(weights[0]), *weights[1:])
        _set_narrowed(layer, weights)
        if ours.normalization and theirs.normalization:
            _set_narrowed(ours.normalization, theirs.normalization.get_weights())


def _set_narrowed(layer: keras.Layer, weights: Sequence[np.ndarray]) -> None:
    """Select evenly spaced indices of each axis; two layers of the same widths keep the same channels."""
    for variable, values in zip(layer.weights, weights, strict=True):
        for axis, (wide, narrow) in enumerate(zip(values.shape, variable.shape, strict=True)):
            if narrow != wide:
                values = values.take(np.linspace(0, wide - 1, narrow).round().astype(int), axis)
        variable.assign(values)


def folded(
    kernel: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fold batch normalization into its convolution; return kernel and bias."""
    scale = gamma / np.sqrt(variance + _EPSILON)
    depthwise = kernel.shape[-1] != scale.shape[0]
    return kernel * (scale[:, None] if depthwise else scale), beta - mean * scale


def fold_2x_stem(kernel: np.ndarray) -> np.ndarray:
    """Return the kernel that at stride 1 equals `kernel` at stride 2 on the image enlarged twofold.

    Bilinear enlargement mixes a quarter and three quarters of two neighbours into each pixel. The three pixels under
    the kernel depend on three pixels of the image, so both steps together are one 3x3 convolution.

    Args:
        kernel: float32 `[3, 3, planes, filters]`.

    Returns:
        float32 of the same shape.
    """
    spread = np.array([[0.25, 0, 0], [0.75, 0.75, 0.25], [0, 0.25, 0.75]], np.float32)
    return np.einsum("ik,jl,klcf->ijcf", spread, spread, kernel)


class PointwiseConv2D(keras.layers.Conv2D):
    """1x1 convolution as a matrix product, which trains three times as fast on a CPU."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        kernel = ops.squeeze(self.kernel, (0, 1))
        rows = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), ops.cast(kernel, inputs.dtype))
        if self.use_bias:
            rows = rows + ops.cast(self.bias, inputs.dtype)
        return ops.reshape(rows, (-1, *inputs.shape[1:3], self.filters))


@dataclass(frozen=True)
class _Unit:
    """A convolution with its batch normalization, if it has one."""

    convolution: keras.layers.Layer
    normalization: keras.layers.Layer | None


def _unit(backbone: keras.Model, name: str) -> _Unit:
    names = {layer.name for layer in backbone.layers}
    norm = f"{name}_norm"
    return _Unit(backbone.get_layer(name), backbone.get_layer(norm) if norm in names else None)


def _width(channels: float) -> int:
    """Round channels to a multiple of eight, at most a tenth below: as the paper's own code does."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
