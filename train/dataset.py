"""Read the data set that `train.importer` lays out.

<root>/{train,val,test}/{0..n-1}/<image>   grey or colour, any size
<root>/classes.txt                         optional: a class name a line, in the order of the digits; else the emotions
<root>/labels.csv                          optional: file,0,1,… - soft labels
<root>/votes.csv                           optional: file and FER+'s ten columns, for evaluation
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.base.classes import EMOTIONS, fault_in
from edge.base.errors import UserError
from edge.base.files import sha256
from edge.model.manifest import LabelSet
from edge.sources.pictures import decode_picture

SPLITS = ("train", "val", "test")
"""In ascending order of value: of two copies, the importer leaves out the one in the less valuable split."""

FER2013_PREFIXES = ("Training_", "PublicTest_", "PrivateTest_")

FERPLUS_COLUMNS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""FER+'s names of the seven emotions, in the order of `EMOTIONS`."""

FERPLUS_OTHERS = ("contempt", "unknown", "NF")
"""Other answers of FER+; NF is 'no face'."""


@dataclass(frozen=True)
class Split:
    """One split in memory.

    Attributes:
        files: names relative to the root, sorted.
        images: uint8 `[n, size, size, channels]`; grey, or RGB.
        classes: int64 `[n]`, the folder of each image.
        fingerprint: sha256 over pixels and classes, whatever the files' names, formats and order; hexadecimal.
        names: of the classes.
        digests: sha256 of each file's pixels, hexadecimal.
    """

    files: tuple[str, ...]
    images: np.ndarray
    classes: np.ndarray
    fingerprint: str
    names: tuple[str, ...] = EMOTIONS
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """Images and labels of a split for training.

    Attributes:
        images: uint8 `[n, size, size, channels]`.
        labels: float32 `[n, label sets, classes]`, distributions over the classes; all zero where a set has none
            for the image.
        fingerprint: sha256 over the split's pixels and these labels, whatever the files' names, formats and order;
            hexadecimal.
        files: names relative to the root.
    """

    images: np.ndarray
    labels: np.ndarray
    fingerprint: str
    files: tuple[str, ...] = ()


def load_labelled(root: Path, name: str, size: int, channels: int, label_sets: Sequence[LabelSet]) -> Labelled:
    """Read a split with its labels, without images that have none in any label set.

    Args:
        root: the data set's folder.
        name: `train`, `val` or `test`.
        size: pixels of the side that every image is resized to.
        channels: 1 for grey, 3 for RGB.
        label_sets: some of the data set's (`available_labels`).

    Raises:
        UserError: as `load_split` and `read_soft_labels`.
    """
    split = load_split(root, name, size, channels)
    labels, fingerprint = read_labels(root, split, label_sets)
    shown = labels.sum(axis=(1, 2)) > 0
    files = tuple(file for file, kept in zip(split.files, shown, strict=True) if kept)
    return Labelled(split.images[shown], labels[shown], fingerprint, files)


def read_classes(root: Path) -> tuple[str, ...]:
    """Read the names of a data set's classes, in the order of their numbers; the emotions where it names none.

    Raises:
        UserError: they cannot be read, or are no class names.
    """
    path = root / "classes.txt"
    if not path.is_file():
        return EMOTIONS
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text", "write a class name a line") from error
    if fault := fault_in(names):
        raise UserError(f"{path}: {fault}", "write a class name a line, in the order of the folders' numbers")
    return names


def available_labels(root: Path) -> tuple[LabelSet, ...]:
    """Return the label sets of a data set: `ferplus` where it has votes, and last that of its class folders.

    FER-2013 is known by its classes and the names of its files.
    """
    names = [path.name for path in root.glob("*/*/*") if not path.name.startswith(".")]
    fer2013 = read_classes(root) == EMOTIONS and all(name.startswith(FER2013_PREFIXES) for name in names)
    folders: LabelSet = "fer2013" if fer2013 else "folder"
    return ("ferplus", folders) if _has_votes(root) else (folders,)


def read_labels(root: Path, split: Split, label_sets: Sequence[LabelSet]) -> tuple[np.ndarray, str]:
    """Read the labels of a split, float32 `[n, label sets, classes]`, and a fingerprint of pixels and labels."""
    hard = _has_votes(root)  # labels.csv is then FER+'s alone
    labels = np.stack(
        [
            one_hot(split.classes, len(split.names))
            if hard and label_set != "ferplus"
            else read_soft_labels(root, split.files, split.classes, len(split.names))
            for label_set in label_sets
        ],
        axis=1,
    )
    return labels, _fingerprint(split.digests, labels)


def load_split(root: Path, name: str, size: int, channels: int) -> Split:
    """Read all images of a split.

    Args:
        root: the data set's folder.
        name: `train`, `val` or `test`.
        size: pixels of the side that every image is resized to.
        channels: 1 for grey, 3 for RGB.

    Raises:
        UserError: the folder, a class or an image is missing or cannot be read.
    """
    paths = image_paths(root, name)
    images, digests = np.empty((len(paths), size, size, channels), np.uint8), []
    for i, path in enumerate(paths):
        picture = _decode(path)
        digests.append(sha256(repr(picture.shape).encode() + picture.tobytes()))
        images[i] = _resized(picture, size, channels)
    files = tuple(path.relative_to(root).as_posix() for path in paths)
    classes = np.array([int(path.parent.name) for path in paths], np.int64)
    return Split(files, images, classes, _fingerprint(digests, classes), read_classes(root), tuple(digests))


def read_soft_labels(root: Path, files: tuple[str, ...], classes: np.ndarray, count: int = len(EMOTIONS)) -> np.ndarray:
    """Read the label distribution of each image: its row of labels.csv, or one-hot where it has none.

    Returns:
        float32 `[n, count]`; a row sums to one, or to zero where labels.csv says that no class is shown.

    Raises:
        UserError: labels.csv is malformed, or of other images.
    """
    labels = one_hot(classes, count)
    path = root / "labels.csv"
    if not path.is_file():
        return labels
    rows = read_rows(path, [str(i) for i in range(count)])
    if rows and not any((root / file).is_file() for file in rows):  # else the folders' classes would be used silently
        raise UserError(
            f"{path}: no image here has any of its names, such as {next(iter(rows))}", "name them as train/0/<image>"
        )
    for i, file in enumerate(files):
        if file in rows:
            labels[i] = rows[file]
    sums = labels.sum(axis=1)
    sound = (labels.min(axis=1) >= 0) & ((abs(sums - 1) < 1e-3) | (sums == 0))
    if bad := [file for file, good in zip(files, sound, strict=True) if not good]:
        raise UserError(f"{path}: the row of {bad[0]} is neither a distribution nor all zero", "import the data again")
    return labels


def read_ferplus_majority(root: Path, files: tuple[str, ...]) -> np.ndarray:
    """Read the majority of the votes for each image.

    Returns:
        int64 `[n]`: the class, or -1 where the image has no votes, the first place is shared, or went to contempt,
        unknown or 'no face'.

    Raises:
        UserError: the data set has no votes for these files.
    """
    path = root / "votes.csv"
    if not path.is_file():
        raise UserError(f"{path}: this data set has no votes", "import it with FERPLUS=<votes.csv>")
    rows = read_rows(path, [*FERPLUS_COLUMNS, *FERPLUS_OTHERS])
    if not any(file in rows for file in files):
        raise UserError(f"{path}: no votes for this split", "import the data again with votes that cover it")
    return np.array([_majority(rows[file]) if file in rows else -1 for file in files], np.int64)


def read_truths(root: Path, split: Split) -> dict[LabelSet, np.ndarray]:
    """Read the true class of each image by label set, int64 `[n]`; -1 where the votes have no clear majority.

    Raises:
        UserError: as `read_ferplus_majority`.
    """
    folders = {available_labels(root)[-1]: split.classes}
    return folders | ({"ferplus": read_ferplus_majority(root, split.files)} if _has_votes(root) else {})


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """Encode class numbers, int `[n]`, as label distributions over so many classes, float32 `[n, count]`."""
    return np.eye(count, dtype=np.float32)[classes]


def _has_votes(root: Path) -> bool:
    return (root / "votes.csv").is_file()


def _majority(votes: np.ndarray) -> int:
    first = int(votes.argmax())
    alone = (votes == votes[first]).sum() == 1
    return first if alone and first < len(EMOTIONS) else -1


def image_paths(root: Path, name: str) -> list[Path]:
    """Return the files of a split, by class and name.

    Raises:
        UserError: the split or a class is missing.
    """
    folder = root / name
    if not folder.is_dir():
        raise UserError(f"{folder}: no such split", "make the data set by 'make data SOURCE=<zip, folder or csv>'")
    paths = []
    for number, emotion in enumerate(read_classes(root)):
        found = sorted(p for p in (folder / str(number)).glob("*") if p.is_file() and not p.name.startswith("."))
        if not found:
            raise UserError(f"{folder / str(number)}: no images of class '{emotion}'", "every class needs images")
        paths += found
    return paths


def _fingerprint(digests: Sequence[str], labels: np.ndarray) -> str:
    """Hash the images with their labels, in an order of their own."""
    pairs = sorted(digest.encode() + row.tobytes() for digest, row in zip(digests, labels, strict=True))
    return sha256(b"".join(pairs))


def _decode(path: Path) -> np.ndarray:
    """Read a picture, uint8 BGR `[h, w, 3]`."""
    try:
        return decode_picture(path.read_bytes(), str(path))
    except UserError as error:
        raise UserError(error.problem, "remove it, or import the data by 'make data'") from error


def _resized(image: np.ndarray, size: int, channels: int) -> np.ndarray:
    if channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if image.shape[:2] != (size, size):
        shrinks = min(image.shape[:2]) > size
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return image[..., None] if channels == 1 else image[..., ::-1]


def read_rows(path: Path, columns: list[str]) -> dict[str, np.ndarray]:
    """Read rows by file name; the named columns as float32, in that order."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        try:
            if missing := {"file", *columns} - set(reader.fieldnames or ()):
                raise UserError(f"{path}: column '{sorted(missing)[0]}' is missing", "import the data again")
            return {row["file"]: np.array([float(row[c]) for c in columns], np.float32) for row in reader}
        except (TypeError, ValueError, csv.Error) as error:
            raise UserError(f"{path}: a row is malformed ({error})", "import the data again") from error
