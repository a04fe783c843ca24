"""MobileNetV2 (arXiv 1801.04381), laid out for small faces and for quick learning on a processor.

Three things differ from Keras's own, none of them in what the network computes:

- a face may be taken as if it were shown at twice its size, by a first convolution that needs no enlarged image
  (`stem_on_own_grid`);
- where nothing is learnt any more, batch normalization is folded into the convolutions;
- while it learns, 1x1 convolutions are matrix products and normalization is one operation, which takes half the time.

Weights move between all of these forms by `carry_weights`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

STEM, TOP = "stem", "top"
"""Names of the first and the last convolution."""

_PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Table 2 of the paper: expansion, channels, repeats, stride of the first."""

_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """An inverted residual.

    Attributes:
        name: of the block; its convolutions are `<name>_expand`, `<name>_depthwise` and `<name>_project`.
        expanded: channels between expansion and projection.
        channels: channels that come out.
        stride: of the depthwise convolution.
        expands: whether there is an expansion.
        adds: whether the block is added to what came in.
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
    """The seventeen blocks of a network of this width."""
    before = _width(32 * alpha)
    found: list[Block] = []
    for expansion, channels, repeats, stride in _PLAN:
        for repeat in range(repeats):
            step, after = stride if repeat == 0 else 1, _width(channels * alpha)
            adds = step == 1 and before == after
            found.append(
                Block(f"block_{len(found)}", expansion * before, after, step, expands=expansion > 1, adds=adds)
            )
            before = after
    return found


def convolutions(alpha: float) -> list[str]:
    """Names of all convolutions, from the first to the last."""
    return [STEM, *(name for block in blocks(alpha) for name in block.convolutions), TOP]


def build_backbone(
    side: int, channels: int, alpha: float, *, own_grid: bool, normalized: bool, momentum: float, learning: bool
) -> keras.Model:
    """MobileNetV2 without pooling and head, weights at random.

    Args:
        side: pixels of the image's side.
        channels: its planes.
        alpha: width multiplier.
        own_grid: the first convolution keeps the image's size, and stands for one on the image enlarged twofold.
        normalized: with batch normalization; else the convolutions have biases.
        momentum: of the normalization's statistics.
        learning: built of the layers that learn quickly; else of plain ones, which can be saved and converted.

    Returns:
        A model named `backbone`, from float32 `[n, side, side, channels]` to `[n, h, w, features]`.
    """
    pointwise = Pointwise if learning else keras.layers.Conv2D
    normalization = Normalization if learning else keras.layers.BatchNormalization

    def finish(x: keras.KerasTensor, name: str, *, clip: bool = True) -> keras.KerasTensor:
        if normalized:
            x = normalization(epsilon=_EPSILON, momentum=momentum, name=f"{name}_norm")(x)
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if clip else x

    def mix(x: keras.KerasTensor, name: str, filters: int, *, clip: bool = True) -> keras.KerasTensor:
        return finish(pointwise(filters, 1, use_bias=not normalized, name=name)(x), name, clip=clip)

    image = keras.Input((side, side, channels), name="image")
    strides = 1 if own_grid else 2
    stem = keras.layers.Conv2D(_width(32 * alpha), 3, strides, "same", use_bias=not normalized, name=STEM)
    x = finish(stem(image), STEM)
    for block in blocks(alpha):
        y, depthwise = x, f"{block.name}_depthwise"
        if block.expands:
            y = mix(y, f"{block.name}_expand", block.expanded)
        y = keras.layers.DepthwiseConv2D(3, block.stride, "same", use_bias=not normalized, name=depthwise)(y)
        y = mix(finish(y, depthwise), f"{block.name}_project", block.channels, clip=False)
        x = keras.layers.Add(name=f"{block.name}_add")([x, y]) if block.adds else y
    x = mix(x, TOP, 1280 if alpha <= 1 else _width(1280 * alpha))
    return keras.Model(image, x, name="backbone")


def carry_weights(source: keras.Model, target: keras.Model) -> None:
    """Give a backbone the weights of another, in its own form.

    Args:
        source: a backbone; its normalization is folded where the target has none. Where it is wider, evenly spaced ones
            of its channels are taken (weight selection, arXiv 2311.18823): a start from which a narrow network learns
            sooner and more than from chance.
        target: its first convolution takes over that of the source; where the source saw an enlarged image and the
            target does not, both answer alike but for the outermost row and column.
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
            weights = (stem_on_own_grid(weights[0]), *weights[1:])
        _set_narrowed(layer, weights)
        if ours.normalization and theirs.normalization:
            _set_narrowed(ours.normalization, theirs.normalization.get_weights())


def _set_narrowed(layer: keras.Layer, weights: Sequence[np.ndarray]) -> None:
    """Of each axis the places that fit; two layers of the same widths keep the same channels."""
    for variable, values in zip(layer.weights, weights, strict=True):
        for axis, (wide, narrow) in enumerate(zip(values.shape, variable.shape, strict=True)):
            if narrow != wide:
                values = values.take(np.linspace(0, wide - 1, narrow).round().astype(int), axis)
        variable.assign(values)


def folded(
    kernel: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of the one convolution that does what a convolution and its normalization do."""
    scale = gamma / np.sqrt(variance + _EPSILON)
    depthwise = kernel.shape[-1] != scale.shape[0]
    return kernel * (scale[:, None] if depthwise else scale), beta - mean * scale


def stem_on_own_grid(kernel: np.ndarray) -> np.ndarray:
    """The kernel that, at stride 1 on an image, answers like `kernel` at stride 2 on the image enlarged twofold.

    Bilinear enlargement makes each pixel of a quarter and three quarters of two neighbours. The three pixels under the
    kernel come from three of the image, so both together are one convolution of three: nothing needs be enlarged, and
    nothing rounded in between.

    Args:
        kernel: float32 `[3, 3, planes, filters]`.

    Returns:
        float32 of the same shape.
    """
    spread = np.array([[0.25, 0, 0], [0.75, 0.75, 0.25], [0, 0.25, 0.75]], np.float32)
    return np.einsum("ik,jl,klcf->ijcf", spread, spread, kernel)


class Pointwise(keras.layers.Conv2D):
    """A 1x1 convolution as a matrix product: the same numbers, learnt three times as fast on a processor."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1]]), tf.squeeze(self.kernel.value, [0, 1]))
        if self.use_bias:
            rows = tf.nn.bias_add(rows, self.bias.value)
        return tf.reshape(rows, [-1, *inputs.shape[1:3], self.filters])


class Normalization(keras.layers.BatchNormalization):
    """Batch normalization in one operation while it learns, where Keras takes a dozen."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        empty = tf.zeros([0])
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma.value, offset=self.beta.value, mean=empty, variance=empty, epsilon=self.epsilon
        )
        for statistic, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            statistic.assign(statistic * self.momentum + seen * (1 - self.momentum))
        return y


@dataclass(frozen=True)
class _Unit:
    convolution: keras.layers.Layer
    normalization: keras.layers.Layer | None


def _unit(backbone: keras.Model, name: str) -> _Unit:
    names = {layer.name for layer in backbone.layers}
    norm = f"{name}_norm"
    return _Unit(backbone.get_layer(name), backbone.get_layer(norm) if norm in names else None)


def _width(channels: float) -> int:
    """Channels in multiples of eight, not more than a tenth below what was asked for: as the paper's own code does."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
