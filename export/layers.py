"""Layers with weights in a `.tflite` graph: their weights and their sums."""

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as tflite

from export.graph import Graph, Operator

LAYERS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Operators with weights and a bias, each with the output channels' axis of its weights."""


def layers_with_weights(graph: Graph) -> list[Operator]:
    """Return the layers with constant weights and a bias."""
    return [
        op
        for op in graph.operators()
        if op.kind in LAYERS and len(op.inputs) == 3 and all(map(graph.is_constant, op.inputs[1:]))
    ]


def real_weights(layer: Operator, graph: Graph) -> np.ndarray:
    """Dequantize a layer's weights, float32, in the file's order."""
    scales = graph.scales(layer.inputs[1])
    if not len(scales):
        return stored(graph, layer.inputs[1], np.float32)
    weights = stored(graph, layer.inputs[1], np.int8)
    by_channel = np.ones(weights.ndim, int)
    by_channel[LAYERS[layer.kind]] = len(scales)
    return weights * scales.reshape(by_channel)


def stored(graph: Graph, tensor: int, dtype: type) -> np.ndarray:
    """Return a constant as a view."""
    found = graph.constant(tensor, dtype)
    assert found is not None
    return found


def layer_sums(layer: Operator, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the layer's sums without bias, float32 `[places, channels]`."""
    if layer.kind == "FULLY_CONNECTED":
        return inputs.reshape(len(inputs), -1) @ weights.T
    depthwise = layer.kind == "DEPTHWISE_CONV_2D"
    options = layer.options(tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
    strides = (1, options.StrideH(), options.StrideW(), 1)
    padding = "SAME" if options.Padding() == tflite.Padding.SAME else "VALID"
    convolve = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d
    sums = convolve(inputs, weights.transpose(1, 2, 3, 0), strides, padding).numpy()
    return sums.reshape(-1, sums.shape[-1])
