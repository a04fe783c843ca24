"""Write YuNet's graph as TFLite, without its weights.

    python -m export.yunet_graph

writes `edge/faces/yunet_graph.tflite`, whose constants lie behind the end of the file, and
`edge/faces/yunet_weights.json`, the names of the ONNX file's weights in the order in which `edge.faces.yunet` appends
them. Only the weights' shapes are used. The outputs are those of the ONNX graph, with three differences inside: the
four heads of a level are one convolution, pixels have a fourth channel of weight zero (a quarter less time for the
first layer, as XNNPACK processes four channels at a time), and the decoder computes the few sigmoids that it needs.
"""

import json
import sys
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as tflite

from edge.base.assets import YUNET, fetch
from edge.base.errors import exit_on_user_error
from edge.base.files import write_whole
from edge.faces.onnx_weights import float_weights
from edge.faces.yunet import ALIGNMENT, GRAPH_FILE, ORDER_FILE, joined
from export.graph import packed

RELU, LINEAR = tflite.ActivationFunctionType.RELU, tflite.ActivationFunctionType.NONE
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID

INPUT_SIDE = 64
"""Pixels of the input shape in the file; the runtime resizes it. Any multiple of 32 will do."""

HEADS = ("cls", "obj", "bbox", "kps")
"""Heads of a level in the order of the graph's channels: 1, 1, 4 and 10."""

FIRST_DEPTHWISE, STEP = 423, 3
"""Names of folded depthwise weights in the ONNX file are numbers: 423, 426, 429, …; the bias has the next one."""

Names = list[str]


def build(weights: dict[str, np.ndarray]) -> tuple[bytes, list[Names]]:
    """Build the graph.

    Args:
        weights: of the ONNX file, by name.

    Returns:
        The content of the `.tflite` file, its length a multiple of `ALIGNMENT`, and the names of the weights of each
        block that belongs behind it.
    """
    graph = _Graph(weights)
    image = graph.tensor([1, INPUT_SIDE, INPUT_SIDE, 4], name="image")
    y = graph.convolution(graph.pad(image), ["420"], ["421"], RELU, stride=2, padding=VALID)
    y = graph.pool(graph.unit(y, "backbone.model0.conv2"))
    levels = []
    for block in range(1, 6):
        y = graph.unit(graph.unit(y, f"backbone.model{block}.conv1"), f"backbone.model{block}.conv2")
        if block >= 3:
            levels.append(y)
        if block in (2, 3, 4):
            y = graph.pool(y)
    fine, middle, coarse = levels
    coarse = graph.unit(coarse, "neck.lateral_convs.2")
    middle = graph.unit(graph.add(middle, graph.upsample(coarse)), "neck.lateral_convs.1")
    fine = graph.unit(graph.add(fine, graph.upsample(middle)), "neck.lateral_convs.0")
    answers = [graph.flatten(graph.heads(y, level)) for level, y in enumerate((fine, middle, coarse))]
    return graph.content(image, graph.concatenate(answers, axis=1)), graph.order


class _Graph:
    """A subgraph under construction; tensors are known by their index.

    Attributes:
        order: names of the weights in each block behind the file.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.order: list[Names] = []
        self._weights = weights
        self._units = 0
        self._buffers = [tflite.BufferT()]  # the first is the empty one, by the format
        self._tensors: list[Any] = []
        self._codes: list[Any] = []
        self._operators: list[Any] = []

    def tensor(self, shape: list[int], kind: int = tflite.TensorType.FLOAT32, buffer: int = 0, name: str = "") -> int:
        self._tensors.append(tflite.TensorT(shape=shape, type=kind, buffer=buffer, name=name, hasRank=True))
        return len(self._tensors) - 1

    def unit(self, x: int, name: str) -> int:
        """Add a 1×1 convolution and a 3×3 depthwise one, with a ReLU after the second."""
        folded = FIRST_DEPTHWISE + STEP * self._units
        self._units += 1
        y = self.convolution(x, [f"{name}.conv1.weight"], [f"{name}.conv1.bias"], LINEAR)
        return self.depthwise(y, [f"{folded}"], [f"{folded + 1}"], RELU)

    def heads(self, x: int, level: int) -> int:
        """Add all heads of a level, `[1, h, w, 16]`."""
        heads = [f"bbox_head.multi_level_{head}.{level}" for head in HEADS]
        w1, b1, w2, b2 = (
            [f"{head}.{layer}.{kind}" for head in heads] for layer in ("conv1", "conv2") for kind in ("weight", "bias")
        )
        return self.depthwise(self.convolution(x, w1, b1, LINEAR), w2, b2, LINEAR)

    def convolution(
        self, x: int, weights: Names, bias: Names, activation: int, stride: int = 1, padding: int = SAME
    ) -> int:
        _, h, w, _ = self._shape(x)
        kernel = self._stored(weights)
        options = tflite.Conv2DOptionsT(
            padding=padding, strideW=stride, strideH=stride, fusedActivationFunction=activation
        )
        shape = [1, h // stride, w // stride, self._shape(kernel)[0]]
        return self._operator("CONV_2D", [x, kernel, self._stored(bias)], shape, options)

    def depthwise(self, x: int, weights: Names, bias: Names, activation: int) -> int:
        options = tflite.DepthwiseConv2DOptionsT(
            padding=SAME, strideW=1, strideH=1, depthMultiplier=1, fusedActivationFunction=activation
        )
        return self._operator(
            "DEPTHWISE_CONV_2D", [x, self._stored(weights), self._stored(bias)], self._shape(x), options
        )

    def pad(self, x: int) -> int:
        """Add a border of one zero pixel; TFLite's SAME has none on the left and the top at a stride of 2."""
        _, h, w, c = self._shape(x)
        border = self._constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
        return self._operator("PAD", [x, border], [1, h + 2, w + 2, c], tflite.PadOptionsT())

    def pool(self, x: int) -> int:
        _, h, w, c = self._shape(x)
        options = tflite.Pool2DOptionsT(padding=VALID, strideW=2, strideH=2, filterWidth=2, filterHeight=2)
        return self._operator("MAX_POOL_2D", [x], [1, h // 2, w // 2, c], options)

    def upsample(self, x: int) -> int:
        """Repeat each cell 2×2; the format's resize operators hold their output size as a constant."""
        _, h, w, c = self._shape(x)
        options = tflite.DepthToSpaceOptionsT(blockSize=2)
        return self._operator("DEPTH_TO_SPACE", [self.concatenate([x] * 4, axis=3)], [1, 2 * h, 2 * w, c], options)

    def add(self, a: int, b: int) -> int:
        return self._operator("ADD", [a, b], self._shape(a), tflite.AddOptionsT())

    def flatten(self, x: int) -> int:
        """Reshape to one row per cell."""
        _, h, w, c = self._shape(x)
        shape = self._constant(np.array([1, -1, c], np.int32))
        return self._operator("RESHAPE", [x, shape], [1, h * w, c], tflite.ReshapeOptionsT(newShape=[1, -1, c]))

    def concatenate(self, parts: list[int], axis: int) -> int:
        shape = list(self._shape(parts[0]))
        shape[axis] = sum(self._shape(part)[axis] for part in parts)
        return self._operator("CONCATENATION", parts, shape, tflite.ConcatenationOptionsT(axis=axis))

    def content(self, input_: int, output: int) -> bytes:
        """Return the file. It is packed once to learn its length, which offsets of fixed width do not change."""
        end = len(self._packed(input_, output))
        at = end + -end % ALIGNMENT
        for buffer in self._buffers:
            if buffer.size:
                buffer.offset = at
                at += buffer.size + -buffer.size % ALIGNMENT
        return self._packed(input_, output) + bytes(-end % ALIGNMENT)

    def _packed(self, input_: int, output: int) -> bytes:
        subgraph = tflite.SubGraphT(tensors=self._tensors, inputs=[input_], outputs=[output], operators=self._operators)
        model = tflite.ModelT(version=3, operatorCodes=self._codes, subgraphs=[subgraph], buffers=self._buffers)
        return packed(model)

    def _operator(self, kind: str, inputs: list[int], shape: list[int], options: Any) -> int:
        output = self.tensor(shape)
        record = tflite.OperatorT(opcodeIndex=self._code(kind), inputs=inputs, outputs=[output])
        record.builtinOptionsType = getattr(tflite.BuiltinOptions, type(options).__name__.removesuffix("T"))
        record.builtinOptions = options
        self._operators.append(record)
        return output

    def _code(self, kind: str) -> int:
        number = getattr(tflite.BuiltinOperator, kind)
        known = [code.builtinCode for code in self._codes]
        if number not in known:
            self._codes.append(tflite.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=number, version=1))
            known.append(number)
        return known.index(number)

    def _stored(self, names: Names) -> int:
        """Add weights that are stored in a block behind the file."""
        values = joined([self._weights[name] for name in names])
        self.order.append(names)
        self._buffers.append(tflite.BufferT(offset=ALIGNMENT, size=values.nbytes))  # the place is not known yet
        return self.tensor(list(values.shape), buffer=len(self._buffers) - 1)

    def _constant(self, values: np.ndarray) -> int:
        self._buffers.append(tflite.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        return self.tensor(list(values.shape), tflite.TensorType.INT32, len(self._buffers) - 1)

    def _shape(self, tensor: int) -> list[int]:
        return self._tensors[tensor].shape


def main() -> int:
    """Write both files."""
    graph, order = build(float_weights(fetch(YUNET).read_bytes()))
    write_whole(GRAPH_FILE, graph)
    write_whole(ORDER_FILE, json.dumps(order, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
