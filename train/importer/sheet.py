"""Text tables written by spreadsheets and other programs."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from edge.base.errors import UserError

_MAX_LINE = 1024**2
"""Longest line, characters; those of FER-2013 have at most 9,216."""

_DELIMITERS = ",;\t|"


def read_rows(path: Path, required: Sequence[str], remedy: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each row's last line, and its stripped cells by column name in lower case.

    The delimiter, the ends of lines and the encoding are detected; empty lines are skipped.

    Args:
        path: path of the table.
        required: required columns, in lower case.
        remedy: remedy in errors.

    Raises:
        UserError: a column is missing or occurs twice, or a line is not part of a table; the error says which.
        OSError: the file cannot be read.
    """
    with path.open(newline="", encoding=_encoding(path), errors="replace") as text:
        header = text.readline(_MAX_LINE)
        text.seek(0)
        rows = csv.reader(_lines(path, text, remedy), delimiter=max(_DELIMITERS, key=header.count))
        try:
            columns = _check_columns(path, next(rows, []), required, remedy)
            for row in rows:
                if row:
                    cells = [cell.strip() for cell in row] + [""] * (len(columns) - len(row))
                    yield rows.line_num, dict(zip(columns, cells, strict=False))
        except csv.Error as error:
            raise UserError(f"{path}, line {rows.line_num + 1}: {error}", remedy) from error


def _check_columns(path: Path, header: list[str], required: Sequence[str], remedy: str) -> list[str]:
    names = [name.strip().casefold() for name in header]
    for column in required:
        if column not in names:
            raise UserError(f"{path}, line 1: no column {column}", remedy)
        if names.count(column) > 1:
            raise UserError(f"{path}, line 1: two columns {column}", "remove one of them")
    return names


def _lines(path: Path, text: TextIO, remedy: str) -> Iterator[str]:
    number = 0
    while line := text.readline(_MAX_LINE):
        number += 1
        if len(line) == _MAX_LINE:
            raise UserError(f"{path}, line {number}: longer than {_MAX_LINE:,} characters", remedy)
        yield line


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(2)
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    # A header is ASCII, so a zero byte is half of a UTF-16 character.
    return {0: "utf-16-be", 1: "utf-16-le"}.get(head.find(0), "utf-8-sig")
