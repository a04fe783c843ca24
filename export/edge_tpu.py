"""Compatibility of a graph with Coral's Edge TPU.

By the requirements and the table of supported operations of https://coral.ai/docs/edgetpu/models-intro/: 8-bit tensors,
sizes and parameters that are constant at compile time, at most three dimensions larger than one, and these operations.
The compiler itself has the last word: it also counts memory, which no table says.
"""

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from export.graph import Graph, Operator

INTEGERS = {tflite.TensorType.INT8, tflite.TensorType.UINT8, tflite.TensorType.INT32}
"""Types of integer tensors; those of 32 bits hold biases and parameters such as a new shape."""

Check = Callable[[Graph, Operator], str]
"""Returns the rule that an operation breaks; empty if it breaks none."""


def edge_tpu_obstacles(content: bytes) -> list[str]:
    """List the obstacles to running a whole `.tflite` file on an Edge TPU.

    Args:
        content: of a file with one graph.

    Returns:
        One sentence per obstacle, in the order of the first operation that has it; empty if there are none.
    """
    graph = Graph(content)
    found = [
        f"input '{graph.name(tensor)}' has the open shape {list(graph.shape(tensor))}, where sizes must be constant"
        for tensor in graph.inputs()
        if min(graph.shape(tensor), default=1) < 0
    ]
    places: dict[str, list[str]] = {}
    for number, operator in enumerate(graph.operators()):
        for fault in _faults(graph, operator):
            places.setdefault(fault, []).append(f"operation {number}, {operator.kind}")
    return found + [f"{_first_of(where)}: {fault}" for fault, where in places.items()]


def _first_of(where: list[str]) -> str:
    return where[0] if len(where) == 1 else f"{where[0]}, and {len(where) - 1} more"


def _faults(graph: Graph, operator: Operator) -> list[str]:
    if operator.kind not in SUPPORTED | OPERATOR_CHECKS.keys():
        return ["is not among the supported operations"]
    checks = (_not_integer, _too_many_dimensions, *OPERATOR_CHECKS.get(operator.kind, ()))
    return [fault for check in checks if (fault := check(graph, operator))]


def _not_integer(graph: Graph, operator: Operator) -> str:
    floats = [t for t in (*operator.inputs, operator.output) if graph.tensor_type(t) not in INTEGERS]
    return f"'{graph.name(floats[0])}' is not of 8 bits" if floats else ""


def _too_many_dimensions(graph: Graph, operator: Operator) -> str:
    images = max(graph.shape(operator.output)[:-3], default=1)
    return f"gives {images} images at once, where it must be one" if images > 1 else ""


def _parameter_computed(graph: Graph, operator: Operator) -> str:
    """Check operations whose second input is weights, or a parameter such as axes, a size or a new shape."""
    return "" if all(map(graph.is_constant, operator.inputs[1:2])) else "its weights or its parameter are computed"


def _uneven_dilation(kind: type) -> Check:
    def check(graph: Graph, operator: Operator) -> str:
        options = operator.options(kind)
        return "" if options.DilationHFactor() == options.DilationWFactor() else "dilates unevenly"

    return check


def _fused(kind: type) -> Check:
    def check(graph: Graph, operator: Operator) -> str:
        fused = operator.options(kind).FusedActivationFunction()
        return "" if fused == tflite.ActivationFunctionType.NONE else "has a fused activation"

    return check


def _touches_batch(graph: Graph, operator: Operator) -> str:
    """Check that a reduction is not over the batch."""
    rank, axes = len(graph.shape(operator.inputs[0])), graph.constant(operator.inputs[1], np.int32)
    return "" if axes is None or (np.atleast_1d(axes) % max(rank, 1)).all() else "reduces over the batch"


def _pads_batch(graph: Graph, operator: Operator) -> str:
    paddings = graph.constant(operator.inputs[1], np.int32)
    return "" if paddings is None or not paddings[0].any() else "pads the batch"


def _special_weights(graph: Graph, operator: Operator) -> str:
    form = operator.options(tflite.FullyConnectedOptions).WeightsFormat()
    return (
        "" if form == tflite.FullyConnectedOptionsWeightsFormat.DEFAULT else "its weights are not in the default form"
    )


def _large_softmax(graph: Graph, operator: Operator) -> str:
    shape = graph.shape(operator.inputs[0])
    return "" if max(shape[:-1], default=1) <= 1 and shape[-1] <= 16000 else "is over more than one row of 16,000"


def _jumps(graph: Graph, operator: Operator) -> str:
    options, strides = operator.options(tflite.StridedSliceOptions), graph.constant(operator.inputs[3], np.int32)
    plain = strides is not None and (strides == 1).all() and not options.EllipsisMask() and not options.NewAxisMask()
    return "" if plain else "takes other than whole runs"


_UNLIMITED = (
    "ADD L2_NORMALIZATION LOGISTIC MAXIMUM MINIMUM MUL PACK PRELU QUANTIZE RELU RELU6 RELU_N1_TO_1 RSQRT "
    "SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE SUB TANH TRANSPOSE TRANSPOSE_CONV"
)
SUPPORTED = frozenset(_UNLIMITED.split())
"""Operations without limits that can be checked in a file."""

OPERATOR_CHECKS: dict[str, tuple[Check, ...]] = {
    "AVERAGE_POOL_2D": (_fused(tflite.Pool2DOptions),),
    "CONCATENATION": (_fused(tflite.ConcatenationOptions),),
    "CONV_2D": (_parameter_computed, _uneven_dilation(tflite.Conv2DOptions)),
    "DEPTHWISE_CONV_2D": (_parameter_computed, _uneven_dilation(tflite.DepthwiseConv2DOptions)),
    "FULLY_CONNECTED": (_parameter_computed, _special_weights),
    "MAX_POOL_2D": (_fused(tflite.Pool2DOptions),),
    "PAD": (_parameter_computed, _pads_batch),
    "SOFTMAX": (_large_softmax,),
    "STRIDED_SLICE": (_jumps,),
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"), (_parameter_computed, _touches_batch)),
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "RESIZE_BILINEAR", "SLICE"), (_parameter_computed,)),
    "RESIZE_NEAREST_NEIGHBOR": (_parameter_computed,),
}
"""Operations with limits that can be checked in a file, each with its checks."""
