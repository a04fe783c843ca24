"""Correct an int8 graph layer by layer, at no cost at run time: weight rounding, then bias correction.

Each layer is measured on the outputs of the layers before it, which are already corrected.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from export.bias_correction import correct_bias, float_means
from export.graph import Graph, Operator, values
from export.layers import layers_with_weights, stored
from export.weight_rounding import round_weights


def correct_layers(
    content: bytes, reference: bytes, faces: np.ndarray, *, bias_correction: bool, weight_rounding: bool
) -> bytes:
    """Return the int8 graph with corrected weights and biases.

    Args:
        content: of the int8 `.tflite` file.
        reference: of the float file it was quantized from, whose layers have the same names.
        faces: uint8 RGB `[n, size, size, 3]`, by which layers are measured.
        bias_correction: correct the biases.
        weight_rounding: round the weights anew, with error feedback.

    Returns:
        Content of the same size; layers that are not int8 are unchanged.
    """
    corrected = bytearray(content)
    ours, theirs = Graph(corrected), Graph(reference)
    originals = {theirs.name(op.output): op for op in layers_with_weights(theirs)}
    means = float_means(reference, faces) if bias_correction else {}
    for layer in layers_with_weights(ours):
        original = originals.get(ours.name(layer.output))
        if original is None or ours.tensor_type(layer.inputs[1]) != tflite.TensorType.INT8:
            continue
        (inputs,) = values(corrected, faces, layer.inputs[:1])
        if weight_rounding and _is_pointwise(layer, ours):
            _round(layer, ours, stored(theirs, original.inputs[1], np.float32), inputs)
        if bias_correction:
            correct_bias(layer, ours, inputs, means[ours.name(layer.output)])
    return bytes(corrected)


def _is_pointwise(layer: Operator, graph: Graph) -> bool:
    """Return True for dense layers and 1x1 convolutions."""
    weights = stored(graph, layer.inputs[1], np.int8)
    return layer.kind != "DEPTHWISE_CONV_2D" and weights.size == weights.shape[0] * weights.shape[-1]


def _round(layer: Operator, graph: Graph, exact: np.ndarray, inputs: np.ndarray) -> None:
    weights = stored(graph, layer.inputs[1], np.int8)
    steps = graph.scales(layer.inputs[1])[:, None]
    rounded = round_weights(exact.reshape(len(weights), -1) / steps, inputs.reshape(-1, weights.shape[-1]))
    weights[...] = rounded.reshape(weights.shape)
