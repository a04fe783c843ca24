"""Finds labelled faces in what people really download: a zip or a folder of class folders, or fer2013.csv.

Every reader yields, one file at a time, a `Face` with the bytes or a `Skipped` with the reason: one bad file
among thousands is a line in the report and not the end of the import. What is wrong with the source as a
whole is a `UserError`.
"""

import csv
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from edge.emotions import EMOTIONS
from edge.errors import UserError

MAX_BYTES = 2 * 1024**3
"""How far a zip may expand; FER-2013 takes 80 MB."""

MAX_MEMBERS = 1_000_000
MAX_FILE_BYTES = 64 * 1024**2
"""A face crop is never this large; whatever is must not be loaded whole just to find that out."""

FER_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""What the digits in fer2013.csv mean, which is not this package's order."""

USAGE_SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""FER-2013's own names of its parts: column `Usage` in the table, prefix of the file name in archives."""

_FER_SIDE = 48
_FOLDER_SPLITS = {
    **{name.lower(): split for name, split in USAGE_SPLITS.items()},
    **{
        "train": "train",
        "val": "val",
        "valid": "val",
        "validation": "val",
        "test": "test",
        "testing": "test",
    },
}
_SYNONYMS = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "neutral": ("neutrality",),
    "sad": ("sadness",),
    "surprise": ("surprised",),
}
CLASS_NUMBERS = {
    spelling: number for number, name in enumerate(EMOTIONS) for spelling in (name, str(number), *_SYNONYMS[name])
}
"""Class number of every spelling that is understood, in lower case; digits are in this package's order."""

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error),
    *(EOFError, NotImplementedError, OSError, ValueError),
)
"""What `zipfile` raises while it reads a member whose bytes are not what the archive says."""


@dataclass(frozen=True)
class Face:
    """One image file as found: `name` is its path inside the source, with forward slashes."""

    name: str
    emotion: int
    split: str
    data: bytes


@dataclass(frozen=True)
class Skipped:
    """One file, or row of a table, that the import goes without."""

    name: str
    reason: str


def read_source(source: Path, max_bytes: int = MAX_BYTES) -> Iterator[Face | Skipped]:
    """Yield everything found in `source`: a folder, a `.csv` file, or else a zip.

    Raises:
        UserError: the source is missing, is none of the three, or is not safe to unpack.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist", "give a zip or folder of class folders, or fer2013.csv")
    if source.is_dir():
        return _read_folder(source)
    if is_table(source):
        return _read_table(source)
    return _read_zip(source, max_bytes)


def is_table(source: Path) -> bool:
    """Whether `source` is read as fer2013.csv."""
    return source.suffix.lower() == ".csv"


def _read_folder(source: Path) -> Iterator[Face | Skipped]:
    for path in sorted(_walk(source)):
        name = path.relative_to(source).as_posix()
        if _is_hidden(name):
            continue
        place = _place(name)
        if isinstance(place, Skipped):
            yield place
        elif not path.is_file():
            yield Skipped(name, "not a regular file")
        elif path.stat().st_size > MAX_FILE_BYTES:
            yield Skipped(name, _TOO_LARGE)
        else:
            yield _read_file(path, name, *place)


def _read_file(path: Path, name: str, emotion: int, split: str) -> Face | Skipped:
    try:
        return Face(name, emotion, split, path.read_bytes())
    except OSError as error:
        return Skipped(name, f"cannot be read ({error.strerror})")


def _walk(source: Path) -> Iterator[Path]:
    """Yield every file below `source`, through links too; each real folder once, as links can form a ring."""
    seen = set()
    for folder, subfolders, files in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        yield from (Path(folder, file) for file in files)


def _read_zip(source: Path, max_bytes: int) -> Iterator[Face | Skipped]:
    with _open_zip(source) as archive:
        members = archive.infolist()
        _check_members(source, members, max_bytes)
        left = max_bytes
        for member in sorted(members, key=lambda member: member.filename):
            if member.is_dir() or _is_hidden(member.filename):
                continue
            found = _read_member(archive, member)
            if isinstance(found, Face):
                left -= len(found.data)
                if left < 0:
                    raise _too_much(source, max_bytes)
            yield found


def _open_zip(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UserError(f"{source} is not a zip, or was cut short while downloading", "download it again") from error


def _check_members(source: Path, members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    """Refuse the archive as a whole before one byte of it is unpacked."""
    if len(members) > MAX_MEMBERS:
        raise UserError(f"{source} has {len(members):,} members", f"give an archive of at most {MAX_MEMBERS:,}")
    for member in members:
        _check_member(source, member)
    if sum(member.file_size for member in members) > max_bytes:
        raise _too_much(source, max_bytes)


def _check_member(source: Path, member: zipfile.ZipInfo) -> None:
    # The original name: zipfile cuts `filename` at a null byte, and on Windows turns backslashes to slashes.
    name = member.orig_filename
    if name.startswith("/") or re.search(r"^[A-Za-z]:|\\|\0", name) or ".." in name.split("/"):
        raise UserError(f"{source} has a member outside its folder, {name!r}", "do not trust it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"{source} has a symbolic link in it, {name!r}", "pack the files themselves")
    if member.flag_bits & 1:
        raise UserError(f"{source} is encrypted", "unpack it and give the folder")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Face | Skipped:
    name = PurePosixPath(member.filename).as_posix()
    place = _place(name)
    if isinstance(place, Skipped):
        return place
    if member.file_size > MAX_FILE_BYTES:
        return Skipped(name, _TOO_LARGE)
    try:
        with archive.open(member) as stream:
            # Never without a bound: the header's size is a claim, and a short claim can hide a long stream.
            data = stream.read(member.file_size + 1)
    except _DAMAGED:
        return Skipped(name, "damaged in the archive")
    return Face(name, *place, data)


def _too_much(source: Path, max_bytes: int) -> UserError:
    return UserError(f"{source} expands to more than {max_bytes:,} bytes", "raise --max-bytes if you trust it")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _place(name: str) -> tuple[int, str] | Skipped:
    """Class number and split that a path inside the source stands for; the innermost folders decide.

    A class name goes before a digit: in `angry/1/face.png` the 1 is a person or a batch.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return Skipped(ascii(name), "its name is not UTF-8")
    *folders, file = (part.lower() for part in PurePosixPath(name).parts)
    classes = [part for part in reversed(folders) if part in CLASS_NUMBERS]
    if not classes:
        return Skipped(name, "not in the folder of a class")
    emotion = CLASS_NUMBERS[min(classes, key=str.isdigit)]
    for usage, split in USAGE_SPLITS.items():
        if file.startswith(f"{usage.lower()}_"):
            return emotion, split
    splits = (_FOLDER_SPLITS[part] for part in reversed(folders) if part in _FOLDER_SPLITS)
    return emotion, next(splits, "train")


def _read_table(source: Path) -> Iterator[Face | Skipped]:
    with source.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.DictReader(file)
        try:
            # Kaggle's second edition of the table, icml_face_data.csv, writes " Usage" and " pixels".
            rows.fieldnames = [column.strip() for column in rows.fieldnames or ()]
            missing = {"emotion", "pixels", "Usage"} - set(rows.fieldnames)
            if missing:
                raise UserError(f"{source} has no column {', '.join(sorted(missing))}", "give fer2013.csv")
            for number, row in enumerate(rows):
                yield _read_row(number, row)
        except csv.Error as error:
            raise UserError(f"{source}, line {rows.line_num}: {error}", "download it again") from error


def table_name(usage: str, row: int) -> str:
    """File name for row `row`, from 0, of fer2013.csv."""
    return f"{usage}_{row:07d}.png"


def _read_row(number: int, row: dict[str, str | None]) -> Face | Skipped:
    usage, digit = (row["Usage"] or "").strip(), (row["emotion"] or "").strip()
    if usage not in USAGE_SPLITS:
        return Skipped(f"row {number}", f"no such Usage: {usage[:20]!r}")
    if digit not in tuple("0123456"):
        return Skipped(f"row {number}", f"no such emotion: {digit[:20]!r}")
    pixels = _parse_pixels(row["pixels"] or "")
    if pixels is None:
        return Skipped(f"row {number}", f"not {_FER_SIDE * _FER_SIDE} pixels of 0 to 255")
    emotion = EMOTIONS.index(FER_ORDER[int(digit)])
    return Face(table_name(usage, number), emotion, USAGE_SPLITS[usage], cv2.imencode(".png", pixels)[1].tobytes())


def _parse_pixels(text: str) -> np.ndarray | None:
    """Return `uint8 [48, 48]`, or None when the text is anything else."""
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        return None
    if values.size != _FER_SIDE * _FER_SIDE or values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
        return None
    return values.astype(np.uint8).reshape(_FER_SIDE, _FER_SIDE)


_TOO_LARGE = f"larger than {MAX_FILE_BYTES // 1024**2} MiB"
