"""FER-2013's table as a source: fer2013.csv, also as saved by spreadsheets."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from train.importer.names import USAGE_SPLITS, read_class, read_split
from train.importer.numbers import FER_ORDER, Numbers, how_to_name, parse_classes
from train.importer.sheet import read_rows
from train.importer.source_files import Face, Skipped

_SIDE = 48
_USAGES = {split: usage for usage, split in USAGE_SPLITS.items()}


def is_table(source: Path) -> bool:
    """Return True if `source` is read as fer2013.csv."""
    return source.suffix.lower() in (".csv", ".tsv", ".txt")


def table_name(usage: str, row: int) -> str:
    """Return a file name for row `row`, from 0, of fer2013.csv."""
    return f"{usage}_{row:07d}.png"


class Table:
    """Faces in a table with the columns emotion, pixels and, if it has splits, Usage.

    Case, blanks, the delimiter, the ends of lines and the encoding do not matter.
    """

    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, source: Path, classes: str | None) -> None:
        self._source = source
        emotions = Counter(row["emotion"][:20] for row in self._rows())
        self.total = emotions.total()
        self._numbers = self._find_numbers({int(text) for text in emotions if _is_number(text)}, classes)

    def __iter__(self) -> Iterator[Face | Skipped]:
        for number, row in enumerate(self._rows()):
            yield self._read_row(number, row)

    def notes(self) -> list[str]:
        return [self._numbers.describe()] if self._numbers else []

    def _find_numbers(self, found: set[int], classes: str | None) -> Numbers | None:
        if classes is not None:
            return parse_classes(classes, found, self._source)
        if strangers := sorted(found - set(range(len(FER_ORDER)))):
            raise UserError(
                f"{self._source} has the number {strangers[0]} in its column emotion, FER-2013 counts 0 to 6",
                how_to_name(found),
            )
        return Numbers(dict(enumerate(FER_ORDER)), "as in FER-2013") if found else None

    def _read_row(self, number: int, row: dict[str, str]) -> Face | Skipped:
        emotion, split = self._find_class(row["emotion"]), read_split(row.get("usage", "train"))
        if split not in _USAGES:
            return Skipped(f"row {number}", f"no split is called Usage {row['usage'][:20]!r}")
        if emotion not in EMOTIONS:
            return Skipped(f"row {number}", f"emotion {row['emotion'][:20]!r} is none of the {len(EMOTIONS)} classes")
        pixels = _parse_pixels(row["pixels"])
        if pixels is None:
            return Skipped(f"row {number}", f"not {_SIDE * _SIDE} pixels of 0 to 255")
        data = cv2.imencode(".png", pixels)[1].tobytes()
        return Face(table_name(_USAGES[split], number), EMOTIONS.index(emotion), split, data)

    def _find_class(self, text: str) -> str | None:
        if self._numbers and _is_number(text):
            return self._numbers.classes[int(text)]
        read = read_class(text)
        return read.name if read and read.exact else None

    def _rows(self) -> Iterator[dict[str, str]]:
        return (row for _, row in read_rows(self._source, ("emotion", "pixels"), "give fer2013.csv"))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _parse_pixels(text: str) -> np.ndarray | None:
    """Return `uint8 [48, 48]`, or None if the text is not a picture."""
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        return None
    if values.size != _SIDE * _SIDE or values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
        return None
    return values.astype(np.uint8).reshape(_SIDE, _SIDE)
