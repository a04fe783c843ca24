"""FER-2013's table as a source: fer2013.csv, and what spreadsheets make of it."""

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from edge.emotions import EMOTIONS
from edge.errors import UserError
from train.importer.found import Face, Skipped
from train.importer.names import USAGE_SPLITS, read_class, read_split
from train.importer.numbers import FER_ORDER, Numbers, how_to_name, parse_classes

_SIDE = 48
_MAX_LINE = 1024**2
"""Characters of a line; one of FER-2013 has 9,216 at most."""

_DELIMITERS = ",;\t|"
_USAGES = {split: usage for usage, split in USAGE_SPLITS.items()}
_COLUMNS = ("emotion", "pixels", "usage")


def is_table(source: Path) -> bool:
    """Return True if `source` is read as fer2013.csv."""
    return source.suffix.lower() in (".csv", ".tsv", ".txt")


def table_name(usage: str, row: int) -> str:
    """File name for row `row`, from 0, of fer2013.csv."""
    return f"{usage}_{row:07d}.png"


class Table:
    """Faces in the rows of a table with the columns emotion, pixels and, if it has splits, Usage.

    Capital letters, blanks, the delimiter, the ends of lines and the encoding do not matter.
    """

    def __init__(self, source: Path, classes: str | None) -> None:
        self._source = source
        self._numbers = self._find_numbers(classes)

    def __iter__(self) -> Iterator[Face | Skipped]:
        for number, row in enumerate(self._rows()):
            yield self._read_row(number, row)

    def notes(self) -> list[str]:
        return [self._numbers.describe()] if self._numbers else []

    def _find_numbers(self, classes: str | None) -> Numbers | None:
        found = {int(row["emotion"]) for row in self._rows() if _is_number(row["emotion"])}
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
        """Yield the cells of every row by column: `emotion`, `pixels` and, where the table has it, `usage`."""
        with self._source.open(newline="", encoding=_encoding(self._source), errors="replace") as text:
            header = text.readline(_MAX_LINE)
            text.seek(0)
            rows = csv.reader(self._lines(text), delimiter=max(_DELIMITERS, key=header.count))
            try:
                places = self._find_columns(next(rows, []))
                for row in rows:
                    if row:
                        yield {column: row[i].strip() if i < len(row) else "" for column, i in places.items()}
            except csv.Error as error:
                raise UserError(f"{self._source}, line {rows.line_num + 1}: {error}", "download it again") from error

    def _find_columns(self, header: list[str]) -> dict[str, int]:
        names = [name.strip().casefold() for name in header]
        for column in ("emotion", "pixels"):
            if column not in names:
                raise UserError(f"{self._source}, line 1: no column {column}", "give fer2013.csv")
        for column in _COLUMNS:
            if names.count(column) > 1:
                raise UserError(f"{self._source}, line 1: two columns {column}", "remove one of them")
        return {column: names.index(column) for column in _COLUMNS if column in names}

    def _lines(self, text: TextIO) -> Iterator[str]:
        number = 0
        while line := text.readline(_MAX_LINE):
            number += 1
            if len(line) == _MAX_LINE:
                raise UserError(
                    f"{self._source}, line {number}: longer than {_MAX_LINE:,} characters", "give fer2013.csv"
                )
            yield line


def _encoding(source: Path) -> str:
    with source.open("rb") as file:
        head = file.read(2)
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    # A header is ASCII: a zero is half of a character.
    return {0: "utf-16-be", 1: "utf-16-le"}.get(head.find(0), "utf-8-sig")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _parse_pixels(text: str) -> np.ndarray | None:
    """Return `uint8 [48, 48]`, or None when the text is anything else."""
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        return None
    if values.size != _SIDE * _SIDE or values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
        return None
    return values.astype(np.uint8).reshape(_SIDE, _SIDE)
