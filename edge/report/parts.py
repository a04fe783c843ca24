"""Results of a stretch of a video in a file of their own, until all stretches are joined."""

import json
import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetFile, ParquetWriter

from edge.faces.results import FaceResult, FrameResult
from edge.report.excerpt import ExcerptSource
from edge.sources.frame import Frame
from edge.sources.pixels import BgrPixels

STRETCH_ROWS = 4096
"""Rows that are written or read at a time."""

STRETCH_SCHEMA = pa.schema(
    [
        ("captured", pa.float64()),
        ("id", pa.int32()),  # null in the one row of a frame without faces
        ("box", pa.list_(pa.float64())),
        ("score", pa.float64()),
        ("probabilities", pa.list_(pa.float32())),  # null where the face was not read
        ("label", pa.int16()),
        ("reason", pa.string()),
    ]
)


class PartWriter:
    """Output of a pipeline that keeps every result of a stretch, with its lead-in, without pictures."""

    name = "part"
    complete = True

    def __init__(self, path: Path, source: ExcerptSource) -> None:
        self._path, self._source = path, source
        self._rows: list[dict[str, Any]] = []
        self._size: tuple[int, int] | None = None

    def __enter__(self) -> "PartWriter":
        self._writer = ParquetWriter(str(self._path), STRETCH_SCHEMA)
        return self

    def write(self, result: FrameResult) -> None:
        self._size = self._size or (result.frame.width, result.frame.height)
        faces = [_row(face) for face in result.faces] or [{}]
        self._rows += [{"captured": result.frame.captured, **face} for face in faces]
        if len(self._rows) >= STRETCH_ROWS:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._writer:
            if error is None:
                self._flush()
                self._writer.add_key_value_metadata({"part": json.dumps(self._ending())})

    def _flush(self) -> None:
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=STRETCH_SCHEMA))
        self._rows = []

    def _ending(self) -> dict[str, Any]:
        source = self._source
        return {"begins": source.begins, "size": self._size, "damage": source.damage, "spoilt": source.spoilt}


class Part:
    """The results of a stretch, read again.

    Attributes:
        damage: what is missing from the file after this stretch; None where its end was not read, or is whole.
        spoilt: number of places in the stretch that could not be decoded.
    """

    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        """Open it; `classes` are those of the model."""
        self._path, self._classes = path, classes
        with ParquetFile(path) as file:
            ending = json.loads(file.metadata.metadata[b"part"])
        self.damage: str | None = ending["damage"]
        self.spoilt: int = ending["spoilt"]
        self._begins = math.inf if ending["begins"] is None else ending["begins"]
        width, height = ending["size"] or (1, 1)
        # Pictures are gone; what is left of them is their size, in one pixel's memory.
        self._pixels = BgrPixels(np.broadcast_to(np.uint8(0), (height, width, 3)))

    def lead_in(self) -> Iterator[FrameResult]:
        """Yield the results before the stretch."""
        return (result for result in self._results() if result.frame.captured < self._begins)

    def own(self) -> Iterator[FrameResult]:
        """Yield the results of the stretch."""
        return (result for result in self._results() if result.frame.captured >= self._begins)

    def _results(self) -> Iterator[FrameResult]:
        for captured, rows in groupby(self._rows(), key=lambda row: row["captured"]):
            faces = tuple(self._face(row) for row in rows if row["id"] is not None)
            yield FrameResult(Frame(captured, self._pixels, self._path.name, 0.0), faces, 0.0)

    def _rows(self) -> Iterator[dict[str, Any]]:
        with ParquetFile(self._path) as file:
            for batch in file.iter_batches(STRETCH_ROWS):
                yield from batch.to_pylist()

    def _face(self, row: dict[str, Any]) -> FaceResult:
        read = row["probabilities"]
        probabilities = None if read is None else np.array(read, np.float32)
        box = tuple(row["box"])
        return FaceResult(row["id"], box, row["score"], self._classes, probabilities, row["label"], row["reason"])


def _row(face: FaceResult) -> dict[str, Any]:
    return {
        "id": face.id,
        "box": list(map(float, face.box)),
        "score": float(face.score),
        "probabilities": face.probabilities,
        "label": face.label,
        "reason": face.reason,
    }
