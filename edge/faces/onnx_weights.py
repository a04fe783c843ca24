"""Read the weights of an ONNX file, which is in the protobuf wire format, without the onnx package."""

from collections.abc import Iterator
from typing import Any

import numpy as np

GRAPH, INITIALIZER = 7, 5
"""Fields of `ModelProto` and `GraphProto`."""

DIMS, DATA_TYPE, NAME, RAW_DATA = 1, 2, 8, 9
"""Fields of `TensorProto`."""

FLOAT = 1
"""Value of `TensorProto.data_type`."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types."""

Field = tuple[int, Any]
"""Number and value: an int for varints, else a memoryview."""


def float_weights(content: bytes) -> dict[str, np.ndarray]:
    """Return the float32 initializers of a model by name, as read-only views.

    Raises:
        ValueError: the content is not an ONNX file with raw weights, or is cut short.
    """
    model = memoryview(content)
    graphs = (value for number, value in _fields(model) if number == GRAPH)
    tensors = (value for graph in graphs for number, value in _fields(graph) if number == INITIALIZER)
    return dict(named for tensor in tensors if (named := _weights(tensor)) is not None)


def _weights(tensor: Any) -> tuple[str, np.ndarray] | None:
    """Return name and values of a `TensorProto`; None where they are not float32."""
    shape, values = [], {}
    for number, value in _fields(tensor):
        if number == DIMS:  # one field per axis, in files of format version 8 and below
            shape.append(value)
        else:
            values[number] = value
    if values.get(DATA_TYPE) != FLOAT:
        return None
    if not {NAME, RAW_DATA} <= values.keys():
        raise ValueError("a tensor without a name or raw data")
    return bytes(values[NAME]).decode(), np.frombuffer(values[RAW_DATA], "<f4").reshape(shape)


def _fields(message: Any) -> Iterator[Field]:
    if isinstance(message, int):
        raise ValueError("a number where a message should be")
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind not in (FIXED64, LENGTH, FIXED32):
            raise ValueError(f"unknown wire type {kind}")
        size, at = _varint(message, at) if kind == LENGTH else (8 if kind == FIXED64 else 4, at)
        if at + size > len(message):
            raise ValueError("the file is cut short")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return an integer in groups of seven bits, the lowest first, and the position after it."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("the file is cut short")
