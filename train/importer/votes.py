"""FER+ votes, by ten annotators of each image of FER-2013, and the soft labels made of them.

Barsoum, Zhang, Canton Ferrer, Zhang: Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution, ICMI 2016, arXiv 1608.01041.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from train.importer.names import CLASS_NUMBERS
from train.importer.sheet import read_rows
from train.importer.table import table_name

VOTE_COLUMNS = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
    *("contempt", "unknown", "NF"),
)
"""Answers of the annotators; NF means 'no face'."""


_SIDECAR_REMEDY = "give the sidecar of FER+ votes, or fer2013new.csv"


@dataclass(frozen=True)
class Votes:
    """One row of a votes file: the image's name, its part of FER-2013, and ten counts."""

    name: str
    usage: str
    counts: tuple[int, ...]


def read_votes(path: Path) -> list[Votes]:
    """Read a sidecar (`file`, ten counts) or Microsoft's fer2013new.csv (`Usage`, `Image name`, ten counts).

    Raises:
        UserError: the file is missing, lacks a column or all rows, or a count is not a whole number from 0.
    """
    try:
        rows = read_rows(path, [column.lower() for column in VOTE_COLUMNS], _SIDECAR_REMEDY)
        votes = [_parse_row(f"{path}, line {line}", row) for line, row in rows]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", _SIDECAR_REMEDY) from error
    if not votes:
        raise UserError(f"{path} holds no votes", _SIDECAR_REMEDY)
    return votes


def _parse_row(place: str, row: dict[str, str]) -> Votes:
    if not row.keys() & {"file", "image name"}:
        raise UserError(f"{place}: no column file, and none called Image name", _SIDECAR_REMEDY)
    name = row.get("file") or row.get("image name") or ""
    return Votes(name, row.get("usage", ""), tuple(_parse_count(place, column, row) for column in VOTE_COLUMNS))


def _parse_count(place: str, column: str, row: dict[str, str]) -> int:
    text = row[column.lower()]
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UserError(f"{place}, column {column}: {text[:20]!r} is not a whole number from 0", "correct it")
    return int(text)


def match_by_name(votes: list[Votes], names: list[str]) -> dict[str, tuple[int, ...]]:
    """Return counts for the images in `names`, by path in the source, or by base name if it is unique in both.

    Raises:
        UserError: no image has votes, or two rows vote on the same file differently.
    """
    by_path: dict[str, tuple[int, ...]] = {}
    for row in votes:
        if row.name and by_path.setdefault(row.name, row.counts) != row.counts:
            raise UserError(f"the votes name {row.name} twice, with different counts", "remove one of the rows")
    by_base = {PurePosixPath(path).name: counts for path, counts in by_path.items()}
    bases_voted = Counter(PurePosixPath(path).name for path in by_path)
    bases_found = Counter(PurePosixPath(name).name for name in names)
    matched = {}
    for name in names:
        base = PurePosixPath(name).name
        if name in by_path:
            matched[name] = by_path[name]
        elif bases_voted[base] == bases_found[base] == 1:
            matched[name] = by_base[base]
    if not matched:
        raise UserError("none of the votes belongs to an image of the source", "give the votes made for this source")
    return matched


def match_by_row(votes: list[Votes], names: list[str], rows: int) -> dict[str, tuple[int, ...]]:
    """Return counts for the images of fer2013.csv, from a file with one row for each row of the table.

    Args:
        votes: one entry per row, in the order of the file.
        names: images read from the table, named by `table_name`.
        rows: rows of the table, read or skipped.

    Raises:
        UserError: the two files differ in their number of rows or in which part of FER-2013 a row belongs to.
    """
    if len(votes) != rows:
        raise UserError(f"{len(votes):,} rows of votes for {rows:,} of the table", "give the votes for this table")
    by_name = {table_name(row.usage, number): row.counts for number, row in enumerate(votes)}
    strangers = [name for name in names if name not in by_name]
    if strangers:
        raise UserError(f"the votes put {strangers[0]} in another Usage", "give the votes for this table")
    return {name: by_name[name] for name in names}


def soft_label(counts: tuple[int, ...]) -> np.ndarray:
    """Return `float64 [7]`, the share of each class, from ten counts in the order of `VOTE_COLUMNS`.

    Single votes are dropped as outliers, as in the paper. If no vote for one of the seven is left, the label is all
    zeros, and training on soft labels leaves the image out.
    """
    label = np.zeros(len(EMOTIONS))
    for column, count in zip(VOTE_COLUMNS, counts, strict=True):
        if column in CLASS_NUMBERS and count > 1:
            label[CLASS_NUMBERS[column]] = count
    return label / max(label.sum(), 1)
