"""Small data sets as people download them, for the tests of the importer."""

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from train.importer.build import import_data


def face(number: int, suffix: str = ".png") -> bytes:
    """Image file of 8x8 grey pixels, other pixels for every number."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tree(*folders: str, each: int = 1, start: int = 0) -> dict[str, bytes]:
    """`each` different images in every `<folder>/<class>`; without folders, in `<class>`."""
    names = [f"{folder}/{name}".lstrip("/") for folder in folders or ("",) for name in EMOTIONS]
    return {
        f"{name}/{start + i}.png": face(start + i) for i, name in enumerate(name for name in names for _ in range(each))
    }


def as_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def as_table(path: Path, rows: list[tuple], header: str = "emotion,pixels,Usage") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def pixels_text(number: int) -> str:
    return " ".join(map(str, np.random.default_rng(number).integers(0, 256, 48 * 48)))


def table_rows() -> list[tuple]:
    """A row of every digit for Training, then one row for each held-out part."""
    rows = [(digit, pixels_text(digit), "Training") for digit in range(7)]
    return [*rows, (3, pixels_text(7), "PublicTest"), (4, pixels_text(8), "PrivateTest")]


def found(root: Path) -> dict[str, bytes]:
    """Every image of a dataset by its path in it."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob("*/*/*")}


def totals(record: dict) -> dict[str, int]:
    return {split: sum(counts.values()) for split, counts in record["counts"].items()}


def refused(tmp_path: Path, source: Path, problem: str, **options) -> None:
    """The import says why in one line and leaves nothing behind."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=problem) as caught:
        import_data(source, tmp_path / "new" / "out", **options)
    assert "\n" not in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


def read_rows(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as file:
        return {row[0]: [float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]}
