"""A model of a few hundred bytes that keeps the package's contract, written without TensorFlow.

It tells the mean colour of a face: red is angry, green is happy, blue is sad, and what is none of them is neutral.
"""

import math

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge.base.classes import EMOTIONS

RED, GREEN, BLUE, GREY = (EMOTIONS.index(name) for name in ("angry", "happy", "sad", "neutral"))
"""The class that each colour stands for."""

CONTRAST = 16.0
"""Levels of a pixel that are worth one logit."""

NEUTRAL = 3.0
"""Logit of grey; the other classes of a grey picture have 0."""

COLOURLESS = math.exp(NEUTRAL) / (math.exp(NEUTRAL) + len(EMOTIONS) - 1)
"""Probability of `GREY` for a grey picture."""


def tiny_model(
    size: int = 48, *, classes: int = 7, quantized: bool = False, input_type: type = np.uint8, softmax: bool = True
) -> bytes:
    """Content of a `.tflite` file: uint8 RGB `[1, size, size, 3]` to probabilities `[1, classes]`.

    Args:
        size: pixels of the side.
        classes: of the output.
        quantized: uint8 output with scale 1/256, as the int8 variant has it, instead of float32.
        input_type: np.uint8 is the contract's; np.float32 is what a careless export makes.
        softmax: whether the output is probabilities; else it is logits.
    """
    graph = _Graph()
    image = graph.tensor("face", [1, size, size, 3], input_type)
    pixels = image
    if input_type is not np.float32:
        pixels = graph.tensor("pixels", [1, size, size, 3])
        graph.operator("CAST", [image], pixels)
    colour, logits, answer = (
        graph.tensor(name, [1, n]) for name, n in (("rgb", 3), ("logits", classes), ("p", classes))
    )
    graph.operator(
        "MEAN", [pixels, graph.constant("axes", np.array([1, 2], np.int32))], colour, schema.ReducerOptionsT()
    )
    weights, bias = (graph.constant(name, values) for name, values in _layer(classes).items())
    graph.operator("FULLY_CONNECTED", [colour, weights, bias], logits, schema.FullyConnectedOptionsT())
    if softmax:
        graph.operator("SOFTMAX", [logits], answer, schema.SoftmaxOptionsT(beta=1.0))
    else:
        answer = logits
    if quantized:
        levels = graph.tensor("levels", [1, classes], np.uint8, scale=1 / 256)
        graph.operator("QUANTIZE", [answer], levels, schema.QuantizeOptionsT())
        answer = levels
    return graph.content(image, answer)


def _layer(classes: int) -> dict[str, np.ndarray]:
    """Weights `[classes, 3]` and bias `[classes]`: a channel speaks for its class by its lead over the others."""
    rows = max(classes, len(EMOTIONS))
    weights, bias = np.zeros((rows, 3), np.float32), np.zeros(rows, np.float32)
    weights[[RED, GREEN, BLUE]] = (1.5 * np.eye(3) - 0.5) / CONTRAST
    bias[GREY] = NEUTRAL
    return {"weights": weights[:classes], "bias": bias[:classes]}


class _Graph:
    """One subgraph as it grows; tensors are known by their number."""

    def __init__(self) -> None:
        self._buffers = [schema.BufferT()]  # the first is the empty one, by the format
        self._tensors: list[schema.TensorT] = []
        self._codes: list[schema.OperatorCodeT] = []
        self._operators: list[schema.OperatorT] = []

    def tensor(self, name: str, shape: list[int], kind: type = np.float32, *, scale: float = 0, buffer: int = 0) -> int:
        types = {np.float32: "FLOAT32", np.uint8: "UINT8", np.int32: "INT32"}
        tensor = schema.TensorT(shape=shape, type=getattr(schema.TensorType, types[kind]), buffer=buffer, name=name)
        tensor.hasRank = True
        if scale:
            tensor.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0])
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def constant(self, name: str, values: np.ndarray) -> int:
        self._buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self.tensor(name, list(values.shape), values.dtype.type, buffer=len(self._buffers) - 1)

    def operator(self, name: str, inputs: list[int], output: int, options: object = None) -> None:
        code = getattr(schema.BuiltinOperator, name)
        self._codes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127)))
        operator = schema.OperatorT(opcodeIndex=len(self._codes) - 1, inputs=inputs, outputs=[output])
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        self._operators.append(operator)

    def content(self, input_: int, output: int) -> bytes:
        subgraph = schema.SubGraphT(tensors=self._tensors, inputs=[input_], outputs=[output], operators=self._operators)
        model = schema.ModelT(version=3, operatorCodes=self._codes, subgraphs=[subgraph], buffers=self._buffers)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
