"""Operators of a `.tflite` file in their order, with shapes and multiply-adds."""

import math
import re
from dataclasses import dataclass
from typing import Any

from edge.model.interpreter import open_interpreter

LAYER = re.compile(r"_\d+$")
"""Ends the names that Keras gives to the scopes of layers; the operations in them have names of other forms."""


@dataclass(frozen=True)
class Operator:
    """One operator, for one face.

    Attributes:
        kind: as the format names it, such as `CONV_2D`.
        name: of the layer that it comes from, as far as the file tells.
        window: height and width of a convolution's kernel, None for other operators.
        input_shape: shape of its first input.
        output_shape: shape of its first output.
        multiply_adds: of a convolution or a dense layer; 0 for others, which are not counted by convention.
    """

    kind: str
    name: str
    window: tuple[int, int] | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    multiply_adds: int


def operators(model: bytes) -> list[Operator]:
    """All operators of a model, whoever runs them: not the parts that a delegate takes over.

    Args:
        model: content of a `.tflite` file.

    Raises:
        UserError: no runtime is installed, or it cannot run the model.
    """
    interpreter = open_interpreter(model, 1)
    details = interpreter._get_ops_details()
    return [_operator(interpreter, detail) for detail in details if detail["op_name"] != "DELEGATE"]


def multiply_adds(model: bytes) -> int:
    """Multiply-adds of one inference."""
    return sum(operator.multiply_adds for operator in operators(model))


def _operator(interpreter: Any, detail: dict[str, Any]) -> Operator:
    tensors = [interpreter._get_tensor_details(i, 0) for i in (*detail["inputs"], detail["outputs"][0]) if i >= 0]
    takes, *others, gives = (tuple(tensor["shape"].tolist()) for tensor in tensors)
    kind, weights = detail["op_name"], others[0] if others else ()
    window = weights[1:3] if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else None
    return Operator(kind, _layer(tensors[-1]["name"]), window, takes, gives, _multiply_adds(kind, weights, gives))


def _layer(tensor: str) -> str:
    """The innermost layer in the name of an output; where several were fused, of the last of them."""
    parts = tensor.split(";")[0].split("/")
    layers = [part for part in parts[1:-1] if LAYER.search(part)]
    return LAYER.sub("", layers[-1]) if layers else parts[-1]


def _multiply_adds(kind: str, weights: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """Each output takes as many as the weights that it sees."""
    if kind in ("CONV_2D", "FULLY_CONNECTED"):  # weights [out, height, width, in] and [out, in]
        return math.prod(output_shape) * math.prod(weights[1:])
    if kind == "DEPTHWISE_CONV_2D":  # weights [1, height, width, out]
        return math.prod(output_shape) * math.prod(weights[1:3])
    return 0
