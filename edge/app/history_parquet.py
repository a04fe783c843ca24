"""A history as a Parquet file."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from edge.base.files import whole_file, writing
from edge.report.table import ROW_GROUP_ROWS

COLUMN_TYPES = {
    **dict.fromkeys(("second", "face", "frames", "id"), pa.int64()),
    **dict.fromkeys(("t", "confidence", "duration_s"), pa.float64()),
}
"""Types of columns; probabilities are float32, and all others are texts."""


class ParquetTable:
    """Parquet file that appears whole at the end; what a row has not is null."""

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self._path = path
        self._schema = pa.schema([(name, _type(name)) for name in columns])
        self._rows: list[Mapping[str, Any]] = []

    def __enter__(self) -> "ParquetTable":
        with ExitStack() as files:
            files.enter_context(writing(self._path))
            part = files.enter_context(whole_file(self._path))
            self._writer = files.enter_context(ParquetWriter(str(part), self._schema))
            self._files = files.pop_all()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP_ROWS:
            self._flush()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        with self._files:
            if error is not None:
                raise error
            self._flush()

    def _flush(self) -> None:
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _type(name: str) -> pa.DataType:
    return COLUMN_TYPES.get(name) or (pa.float32() if name.startswith("p_") else pa.string())
