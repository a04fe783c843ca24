"""Packs a data set of small grey faces into few files, to carry it to another machine, and lays it out again there.

    python -m train.pack pack data/fer2013 packed --splits train val
    python -m train.pack unpack packed data/fer2013

A pack has sheets of faces in lossless WebP, their names in `names.txt`, and the data set's own tables. The unpacked
files are PNGs with the same pixels, and so the same data to a run.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.base.errors import UserError, exit_on_user_error
from edge.sources.pictures import read_image
from train.dataset import SPLITS, image_paths

ROWS = 64
"""Faces in a row and in a column of a sheet."""

TABLES = ("classes.txt", "labels.csv", "votes.csv", "import.json")
NAMES = "names.txt"
LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


def pack(root: Path, folder: Path, splits: Sequence[str]) -> None:
    """Pack splits of a data set.

    Args:
        root: the data set's folder.
        folder: of the pack; made if it does not exist.
        splits: to pack.

    Raises:
        UserError: a split is missing, or a picture is not grey or has another size than the first.
    """
    paths = [path for split in splits for path in image_paths(root, split)]
    faces = _read_faces(paths)
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(faces), ROWS**2)):
        part = faces[start : start + ROWS**2]
        sheet = np.zeros((ROWS**2, *part.shape[1:]), np.uint8)
        sheet[: len(part)] = part
        _write(_sheet_path(folder, number), _tiled(sheet), LOSSLESS)
    names = [path.relative_to(root).with_suffix(".png").as_posix() for path in paths]
    (folder / NAMES).write_text("\n".join(names) + "\n")
    _copy_tables(root, folder)


def unpack(folder: Path, root: Path, most: int | None = None) -> None:
    """Lay a pack out as a data set, or as one with at most so many faces of each class in each split.

    Raises:
        UserError: the folder holds no pack, or a sheet of it is missing.
    """
    if not (folder / NAMES).is_file():
        raise UserError(f"{folder}: no pack here", "make one by 'python -m train.pack pack'")
    names = (folder / NAMES).read_text().splitlines()
    sheets = [_sheet_path(folder, number) for number in range(-(-len(names) // ROWS**2))]
    for sheet in sheets:
        if not sheet.is_file():
            raise UserError(f"{sheet}: missing from the pack", "copy the whole folder again")
    taken: Counter[Path] = Counter()
    for name, face in zip(names, _unpacked_faces(sheets), strict=False):  # the last sheet may have room
        path = root / name
        taken[path.parent] += 1
        if most is None or taken[path.parent] <= most:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, face)
    _copy_tables(folder, root)


def _read_faces(paths: Sequence[Path]) -> np.ndarray:
    """Read grey pictures of one size, uint8 `[n, height, width]`."""
    faces: list[np.ndarray] = []
    for path in paths:
        image = read_image(path)
        if (image != image[..., :1]).any() or image.shape[:2] != (faces[0].shape if faces else image.shape[:2]):
            raise UserError(f"{path}: not grey, or not as large as {paths[0]}", "carry the data set's folder instead")
        faces.append(image[..., 0])
    return np.stack(faces)


def _tiled(faces: np.ndarray) -> np.ndarray:
    height, width = faces.shape[1:]
    return faces.reshape(ROWS, ROWS, height, width).swapaxes(1, 2).reshape(ROWS * height, ROWS * width)


def _unpacked_faces(sheets: Sequence[Path]) -> Iterator[np.ndarray]:
    for path in sheets:
        sheet = read_image(path)[..., 0]
        height, width = sheet.shape[0] // ROWS, sheet.shape[1] // ROWS
        yield from sheet.reshape(ROWS, height, ROWS, width).swapaxes(1, 2).reshape(-1, height, width)


def _sheet_path(folder: Path, number: int) -> Path:
    return folder / f"faces_{number:03d}.webp"


def _write(path: Path, image: np.ndarray, options: Sequence[int] = ()) -> None:
    if not cv2.imwrite(str(path), image, list(options)):
        raise UserError(f"{path}: cannot be written", "name another folder")


def _copy_tables(source: Path, target: Path) -> None:
    for name in TABLES:
        if (source / name).is_file():
            shutil.copy(source / name, target / name)


def main() -> int:
    """Pack or unpack from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.pack", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True)
    for verb, places in ((pack, ("root", "folder")), (unpack, ("folder", "root"))):
        sub = verbs.add_parser(verb.__name__, help=(verb.__doc__ or "").split("\n")[0])
        for place in places:
            sub.add_argument(place, type=Path, help={"root": "the data set", "folder": "the pack"}[place])
        if verb is pack:
            sub.add_argument("--splits", nargs="+", choices=SPLITS, default=["train", "val"], help="default: train val")
        sub.set_defaults(verb=verb)
    arguments = vars(parser.parse_args())
    arguments.pop("verb")(**arguments)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
