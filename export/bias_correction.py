"""Bias correction (arXiv 1906.04721, section 4.2, by measured means).

Rounded weights and inputs shift the mean of every channel, and the shifts add up from layer to layer. A layer's bias
compensates for them.
"""

from collections.abc import Callable

import numpy as np

from export.graph import Graph, Operator, watch
from export.layers import layer_sums, layers_with_weights, real_weights, stored


def correct_bias(layer: Operator, graph: Graph, inputs: np.ndarray, mean: np.ndarray) -> None:
    """Set an int8 layer's bias so that its channels have the float layer's mean.

    Args:
        layer: of the graph, with int8 weights.
        graph: whose content is a bytearray.
        inputs: of the layer, dequantized.
        mean: float32 `[channels]`, as `float_means` returns it.
    """
    # By the format, a bias counts in steps of its input's scale times its weights'.
    steps = graph.scales(layer.inputs[0])[0] * graph.scales(layer.inputs[1])
    found = layer_sums(layer, inputs, real_weights(layer, graph)).mean(axis=0)
    stored(graph, layer.inputs[2], np.int32)[...] = np.round((mean - found) / steps)


def float_means(content: bytes, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean of every channel of a float graph's layers before clipping, float32 `[channels]` by name."""
    graph = Graph(content)
    layers = layers_with_weights(graph)
    means: list[list[np.ndarray]] = [[] for _ in layers]

    def see(get: Callable[[int], np.ndarray]) -> None:
        for layer, found in zip(layers, means, strict=True):
            found.append(layer_sums(layer, get(layer.inputs[0]), real_weights(layer, graph)).mean(axis=0))

    watch(content, faces, see)
    biases = [stored(graph, layer.inputs[2], np.float32) for layer in layers]
    return {
        graph.name(layer.output): np.mean(found, axis=0) + bias
        for layer, found, bias in zip(layers, means, biases, strict=True)
    }
