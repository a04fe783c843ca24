"""Inspect a `.tflite` file: its layers, their constants, and the values of its tensors."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite
from ai_edge_litert.interpreter import Interpreter

Content = bytes | bytearray

OPERATORS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
"""Names of the operators by their numbers in the format."""


@dataclass(frozen=True)
class Operator:
    """One operation of the graph.

    Attributes:
        kind: the format's name of the operation, such as `CONV_2D`.
        inputs: indices of the input tensors, including constants, without omitted optional ones.
        output: index of the (first) output tensor.
        table: the format's own record, for options.
    """

    kind: str
    inputs: tuple[int, ...]
    output: int
    table: Any

    def options(self, kind: Any) -> Any:
        """Return the operator's options, read as a table of this kind."""
        options, union = kind(), self.table.BuiltinOptions()
        options.Init(union.Bytes, union.Pos)
        return options


class Graph:
    """A `.tflite` file with one graph. Arrays are views: where the content is a bytearray, they may be written to."""

    def __init__(self, content: Content) -> None:
        self._model = tflite.Model.GetRootAs(content, 0)
        self._graph = self._model.Subgraphs(0)

    def operators(self) -> list[Operator]:
        """All operations, in execution order."""
        return [self._operator(self._graph.Operators(i)) for i in range(self._graph.OperatorsLength())]

    def tensors(self) -> range:
        """Indices of all tensors."""
        return range(self._graph.TensorsLength())

    def inputs(self) -> list[int]:
        """Indices of the graph's input tensors."""
        return [self._graph.Inputs(i) for i in range(self._graph.InputsLength())]

    def outputs(self) -> list[int]:
        """Indices of the graph's output tensors."""
        return [self._graph.Outputs(i) for i in range(self._graph.OutputsLength())]

    def name(self, tensor: int) -> str:
        return self._graph.Tensors(tensor).Name().decode()

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape; -1 where it is dynamic."""
        record = self._graph.Tensors(tensor)
        sizes = record.ShapeAsNumpy() if record.ShapeSignatureIsNone() else record.ShapeSignatureAsNumpy()
        return tuple(np.atleast_1d(sizes).tolist()) if record.ShapeLength() else ()

    def tensor_type(self, tensor: int) -> int:
        """Return a tensor's type, one of `tflite.TensorType`."""
        return self._graph.Tensors(tensor).Type()

    def is_constant(self, tensor: int) -> bool:
        return self._model.Buffers(self._graph.Tensors(tensor).Buffer()).DataLength() > 0

    def constant(self, tensor: int, dtype: type) -> np.ndarray | None:
        """Return a constant's value `[...]`; None if the tensor is computed."""
        if not self.is_constant(tensor):
            return None
        record = self._graph.Tensors(tensor)
        values = self._model.Buffers(record.Buffer()).DataAsNumpy().view(dtype)
        return values.reshape(record.ShapeAsNumpy() if record.ShapeLength() else ())

    def scales(self, tensor: int) -> np.ndarray:
        """Return the scales, float32, one per tensor or per channel; empty if the tensor is not quantized."""
        quantization = self._graph.Tensors(tensor).Quantization()
        return quantization.ScaleAsNumpy() if quantization and quantization.ScaleLength() else np.empty(0, np.float32)

    def zero_point(self, tensor: int) -> int:
        return int(self._graph.Tensors(tensor).Quantization().ZeroPoint(0))

    def calibrated_range(self, tensor: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the smallest and largest calibration value, `[1]` each, of a calibrated, not yet quantized file.

        None for constants, and in other files.
        """
        quantization = self._graph.Tensors(tensor).Quantization()
        found = quantization and quantization.MinLength() == 1 and quantization.MaxLength() == 1
        return (quantization.MinAsNumpy(), quantization.MaxAsNumpy()) if found else None

    def real(self, tensor: int, stored: np.ndarray) -> np.ndarray:
        """Dequantize stored values of a tensor to float32."""
        if not len(scales := self.scales(tensor)):
            return stored.astype(np.float32)
        return (stored.astype(np.float32) - self.zero_point(tensor)) * scales[0]

    def _operator(self, record: Any) -> Operator:
        code = self._model.OperatorCodes(record.OpcodeIndex())
        kind = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(record.Inputs(i) for i in range(record.InputsLength()) if record.Inputs(i) >= 0)
        return Operator(kind, inputs, record.Outputs(0), record)


def packed(table: Any, identifier: bytes = b"TFL3") -> bytes:
    """Serialize an object of a schema, a model if no other identifier is given."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(table.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())


def short_name(tensor: str) -> str:
    """Return a tensor's name without TensorFlow's path prefix and without fused operations."""
    return "/".join(tensor.split(";")[0].split("/")[-3:])


def watch(
    content: Content, faces: np.ndarray, see: Callable[[Callable[[int], np.ndarray]], None], *, whole: bool = True
) -> None:
    """Run a graph on faces one by one, and read its tensors after each.

    Args:
        content: of a `.tflite` file that takes faces as uint8, or as float32 in [0, 1].
        faces: uint8 RGB `[n, size, size, 3]`.
        see: called with a function from a tensor's index to its stored value `[1, ...]`, valid during the call.
        whole: keep all tensors; keeping only the outputs is faster.
    """
    with warnings.catch_warnings(action="ignore"):  # it says that it is for debugging, which this is
        interpreter = Interpreter(model_content=bytes(content), num_threads=2, experimental_preserve_all_tensors=whole)
    interpreter.allocate_tensors()
    pixels = interpreter.get_input_details()[0]
    given = faces if pixels["dtype"] == np.uint8 else faces.astype(np.float32) / 255
    for face in given:
        interpreter.set_tensor(pixels["index"], face[None])
        interpreter.invoke()
        see(interpreter.get_tensor)


def values(content: Content, faces: np.ndarray, tensors: Sequence[int], *, whole: bool = True) -> list[np.ndarray]:
    """Dequantize tensors on each face, float32 `[n, ...]` each."""
    graph, seen = Graph(content), [[] for _ in tensors]  # type: ignore[var-annotated]

    def keep(get: Callable[[int], np.ndarray]) -> None:
        for tensor, found in zip(tensors, seen, strict=True):
            found.append(graph.real(tensor, get(tensor)))

    watch(content, faces, keep, whole=whole)
    return [np.concatenate(found) for found in seen]


def probabilities(content: Content, faces: np.ndarray) -> np.ndarray:
    """Predict float32 `[n, classes]`."""
    return values(content, faces, Graph(content).outputs(), whole=False)[0]
