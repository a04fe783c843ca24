"""Operators of a `.tflite` file in their order, with their multiply-adds."""

import math
from typing import NamedTuple

from export.graph import Graph


class Operator(NamedTuple):
    """One operator, for one face.

    Attributes:
        kind: as the format names it, such as `CONV_2D`.
        weights: shape of its second input, which a convolution or a dense layer has for its weights.
        output_shape: shape of its output, without the batch.
    """

    kind: str
    weights: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def multiply_adds(self) -> int:
        """Each output takes as many as the weights that it sees; 0 for others, which are not counted by convention."""
        if self.kind in ("CONV_2D", "FULLY_CONNECTED"):  # weights [out, height, width, in] and [out, in]
            return math.prod(self.output_shape) * math.prod(self.weights[1:])
        if self.kind == "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
            return math.prod(self.output_shape) * math.prod(self.weights[1:3])
        return 0


def operators(model: bytes) -> list[Operator]:
    """All operators of a model, the content of a `.tflite` file."""
    graph = Graph(model)
    return [
        Operator(o.kind, graph.shape(o.inputs[1]) if len(o.inputs) > 1 else (), graph.shape(o.output)[1:])
        for o in graph.operators()
    ]


def multiply_adds(model: bytes) -> int:
    """Multiply-adds of one inference."""
    return sum(operator.multiply_adds for operator in operators(model))
