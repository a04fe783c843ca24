"""Weights out of small ONNX files that are written here, and refusal of damaged ones."""

import numpy as np
import pytest

from edge.faces.onnx_weights import DATA_TYPE, DIMS, FLOAT, GRAPH, INITIALIZER, NAME, RAW_DATA, float_weights

INT64 = 7


def varint(value: int) -> bytes:
    groups = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: np.ndarray, data_type: int = FLOAT) -> bytes:
    sizes = b"".join(field(DIMS, size) for size in values.shape)
    return sizes + field(DATA_TYPE, data_type) + field(NAME, name.encode()) + field(RAW_DATA, values.tobytes())


def model(*tensors: bytes, around: bytes = b"") -> bytes:
    return around + field(GRAPH, around + b"".join(field(INITIALIZER, each) for each in tensors) + around) + around


LARGE = np.arange(300, dtype="<f4").reshape(3, 5, 20)
"""More than 127 bytes: its length takes two bytes."""


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(LARGE, id="three axes"),
        pytest.param(np.array([1.5, -2], "<f4"), id="one axis"),
        pytest.param(np.array(7, "<f4"), id="a scalar"),
        pytest.param(np.empty((0, 4), "<f4"), id="empty"),
    ],
)
def test_weights_come_with_their_names_and_shapes(values):
    (read,) = (found := float_weights(model(tensor("conv.weight", values)))).values()
    assert list(found) == ["conv.weight"]
    assert read.dtype == np.float32
    assert read.shape == values.shape
    np.testing.assert_array_equal(read, values)


def test_other_fields_and_other_types_are_passed_over():
    around = field(2, b"a producer") + field(6, 1 << 40) + b"\x31" + bytes(8) + b"\x35" + bytes(4)
    shape = tensor("shape", np.array([1, -1], "<i8"), INT64)
    found = float_weights(model(tensor("a", LARGE), shape, tensor("b", LARGE[0]), around=around))
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(model(tensor("a", LARGE))[:-1], id="cut short"),
        pytest.param(model(tensor("a", LARGE))[:2], id="cut within a length"),
        pytest.param(model(tensor("a", LARGE)[:-3]), id="a tensor cut short"),
        pytest.param(b"\x3f" + bytes(20), id="no protobuf"),
        pytest.param(field(GRAPH, 5), id="a graph that is a number"),
        pytest.param(model(field(DATA_TYPE, FLOAT) + field(NAME, b"a")), id="no data"),
        pytest.param(model(field(DIMS, 4) + tensor("a", LARGE)), id="more sizes than data"),
    ],
)
def test_damaged_files_are_refused(damaged):
    with pytest.raises(ValueError):
        float_weights(damaged)


def test_a_file_without_a_graph_has_no_weights():
    assert float_weights(b"") == {}
