"""Goes through an int8 graph layer by layer and takes back what rounding has done, at no cost when it runs.

- Bias correction (arXiv 1906.04721, section 4.2, by measured means): rounded weights and inputs shift the mean of every
  channel, and the shifts add up from layer to layer. A layer's bias can take back exactly this.
- Error feedback (GPTQ, arXiv 2210.17323): weights of 1x1 convolutions and dense layers are rounded one input channel
  after the other, and what one loses is added to those that follow, by how much the channels go together.

Each layer is measured on what the layers before it, already refined, hand on.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as tflite

from export.graph import Graph, Operator, values, watch

LAYERS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Operators that have weights and a bias, each with the axis of its weights that counts channels."""

ROWS = 20_000
"""Places that error feedback looks at, drawn from all faces."""

DAMPING = 0.01
"""Of the mean square, added to every channel's own, as in the paper."""


def refine(content: bytes, reference: bytes, faces: np.ndarray, *, biases: bool, feedback: bool) -> bytes:
    """The int8 graph with better weights and biases.

    Args:
        content: of the int8 `.tflite` file.
        reference: of the float file it was quantized from, whose layers have the same names.
        faces: uint8 RGB `[n, size, size, 3]`, by which layers are measured.
        biases: whether to correct biases.
        feedback: whether to round the weights anew, with error feedback.

    Returns:
        Content of the same size; layers that are not int8 are left alone.
    """
    refined = bytearray(content)
    ours, theirs = Graph(refined), Graph(reference)
    originals = {theirs.name(op.output): op for op in _layers(theirs)}
    wanted = _float_means(reference, faces) if biases else {}
    for layer in _layers(ours):
        original = originals.get(ours.name(layer.output))
        if original is None or ours.tensor_type(layer.inputs[1]) != tflite.TensorType.INT8:
            continue
        inputs = values(refined, faces, layer.inputs[0])
        weights = _stored(ours, layer.inputs[1], np.int8)
        if feedback and layer.kind != "DEPTHWISE_CONV_2D" and weights.size == weights.shape[0] * weights.shape[-1]:
            steps = ours.scales(layer.inputs[1])[:, None]
            exact = _stored(theirs, original.inputs[1], np.float32).reshape(len(weights), -1) / steps
            weights[...] = round_with_feedback(exact, inputs.reshape(-1, weights.shape[-1])).reshape(weights.shape)
        if biases:
            # By the format, a bias counts in steps of its input's scale times its weights'.
            steps = ours.scales(layer.inputs[0])[0] * ours.scales(layer.inputs[1])
            found = _linear(layer, inputs, _real_weights(layer, ours)).mean(axis=0)
            mean = wanted[ours.name(layer.output)]
            _stored(ours, layer.inputs[2], np.int32)[...] = np.round((mean - found) / steps)
    return bytes(refined)


def round_with_feedback(weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Weights as whole numbers that change the layer's sums least.

    Args:
        weights: float `[outputs, channels]`, in steps of their scale.
        inputs: float32 `[places, channels]`. Their means do not count: those are the bias's matter.

    Returns:
        int8 `[outputs, channels]`, -127 to 127.
    """
    drawn = np.random.default_rng(0).permutation(len(inputs))[:ROWS]
    centred = inputs[drawn] - inputs[drawn].mean(axis=0)
    together = (centred.T @ centred).astype(np.float64)
    together += (DAMPING * np.trace(together) / len(together) + 1e-9) * np.eye(len(together))
    order = np.argsort(-np.diag(together))  # the loudest first: the quiet ones then carry what is left
    spread = np.linalg.cholesky(np.linalg.inv(together[np.ix_(order, order)])).T
    left = weights[:, order].astype(np.float64)
    rounded = np.empty(weights.shape, np.int8)
    for i, channel in enumerate(order):
        whole = np.clip(np.round(left[:, i]), -127, 127)
        left[:, i + 1 :] -= np.outer((left[:, i] - whole) / spread[i, i], spread[i, i + 1 :])
        rounded[:, channel] = whole
    return rounded


def _layers(graph: Graph) -> list[Operator]:
    """Those with constant weights and a bias."""
    return [
        op
        for op in graph.operators()
        if op.kind in LAYERS and len(op.inputs) == 3 and all(map(graph.is_constant, op.inputs[1:]))
    ]


def _float_means(content: bytes, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Mean of every channel of the layers of a float graph, before clipping: float32 `[channels]` by name."""
    graph = Graph(content)
    layers = _layers(graph)
    means: list[list[np.ndarray]] = [[] for _ in layers]

    def see(get: Callable[[int], np.ndarray]) -> None:
        for layer, found in zip(layers, means, strict=True):
            found.append(_linear(layer, get(layer.inputs[0]), _real_weights(layer, graph)).mean(axis=0))

    watch(content, faces, see)
    biases = [_stored(graph, layer.inputs[2], np.float32) for layer in layers]
    return {
        graph.name(layer.output): np.mean(found, axis=0) + bias
        for layer, found, bias in zip(layers, means, biases, strict=True)
    }


def _real_weights(layer: Operator, graph: Graph) -> np.ndarray:
    """What a layer's weights stand for, float32, in the file's order."""
    scales = graph.scales(layer.inputs[1])
    if not len(scales):
        return _stored(graph, layer.inputs[1], np.float32)
    stored = _stored(graph, layer.inputs[1], np.int8)
    by_channel = np.ones(stored.ndim, int)
    by_channel[LAYERS[layer.kind]] = len(scales)
    return stored * scales.reshape(by_channel)


def _stored(graph: Graph, tensor: int, dtype: type) -> np.ndarray:
    """A constant, as a view."""
    found = graph.constant(tensor, dtype)
    assert found is not None
    return found


def _linear(layer: Operator, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The layer's sums without bias, float32 `[places, channels]`."""
    if layer.kind == "FULLY_CONNECTED":
        return inputs.reshape(len(inputs), -1) @ weights.T
    depthwise = layer.kind == "DEPTHWISE_CONV_2D"
    options = layer.options(tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
    strides = (1, options.StrideH(), options.StrideW(), 1)
    padding = "SAME" if options.Padding() == tflite.Padding.SAME else "VALID"
    convolve = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d
    sums = convolve(inputs, weights.transpose(1, 2, 3, 0), strides, padding).numpy()
    return sums.reshape(-1, sums.shape[-1])
