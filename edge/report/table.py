"""Table of all faces, one row per face and frame, as CSV and Parquet."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.csv import CSVWriter
from pyarrow.parquet import ParquetWriter

from edge.faces.results import FrameResult

ROW_GROUP_ROWS = 8192
"""Rows per write, which make a row group of the Parquet file."""

_FACE = (
    ("frame", pa.int64(), "number of the frame among those that were analyzed, from 0"),
    ("time_s", pa.float64(), "the frame's own time, seconds from the start of the video"),
    ("person", pa.int32(), "number of the person's track, from 1"),
    *((name, pa.float32(), f"{what} of the face's box, pixels") for name, what in (
        ("x", "left side"),
        ("y", "upper side"),
        ("width", "width"),
        ("height", "height"),
    )),
    ("score", pa.float32(), "score of the detector, 0 to 1"),
    ("emotion", pa.string(), "the label; empty where there is a reason"),
    ("confidence", pa.float32(), "probability of the label, or the highest where the model is unsure; else empty"),
    ("reason", pa.string(), "why there is no label: unsure, small, turned or blurred; else empty"),
)  # fmt: skip


def columns(classes: Iterable[str]) -> list[tuple[str, pa.DataType, str]]:
    """Return name, type and meaning of each column."""
    return [
        *_FACE,
        *(
            (
                f"p_{name}",
                pa.float32(),
                f"probability of {name}, 0 to 1, smoothed in time; empty where the face was not read",
            )
            for name in classes
        ),
    ]


class Table:
    """Output of the pipeline that writes rows as they come, so that hours take no more memory than seconds."""

    name = "table"
    complete = True

    def __init__(self, csv: Path, parquet: Path, classes: Iterable[str]) -> None:
        self._paths = csv, parquet
        self._schema = pa.schema(
            [pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in columns(classes)]
        )
        self._files = ExitStack()
        self._writers: list[Any] = []
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "Table":
        csv, parquet = self._paths
        self._writers = [
            self._files.enter_context(CSVWriter(str(csv), self._schema)),
            self._files.enter_context(ParquetWriter(str(parquet), self._schema)),
        ]
        return self

    def write(self, result: FrameResult) -> None:
        self._rows += result.rows()
        if len(self._rows) >= ROW_GROUP_ROWS:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._files:
            if error is None:
                self._flush()

    def _flush(self) -> None:
        arrays = [_array([row[field.name] for row in self._rows], field.type) for field in self._schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        for writer in self._writers:
            writer.write_batch(batch)
        self._rows = []


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return the numbers or texts of a column as an array; None is empty.

    It is made of buffers: PyArrow's own conversion imports pandas where it is installed, which takes 44 MB.
    """
    there = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    if pa.types.is_string(kind):
        texts = [(value or "").encode() for value in values]
        content = [np.cumsum([0, *map(len, texts)], dtype=np.int32).tobytes(), b"".join(texts)]
    else:
        numbers = [0 if value is None else value for value in values]
        dtype = f"{'f' if pa.types.is_floating(kind) else 'i'}{kind.bit_width // 8}"
        content = [np.array(numbers, dtype).tobytes()]
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(buffer) for buffer in (there.tobytes(), *content)])
