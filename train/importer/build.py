"""Build a data set from a download, whole or not at all.

`<output>` gets the folders `{train,val,test}/{0..n-1}`, the names of the classes in `classes.txt`, with votes also soft
labels in `labels.csv` and the votes in `votes.csv`, and a record of the import in `import.json`.
"""

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.files import file_sha256, fitting_name, resolved, sha256, whole_folder
from edge.base.progress import Progress
from train.importer.archive import MAX_BYTES
from train.importer.names import listed
from train.importer.picture import read_picture
from train.importer.readers import Reading, read_source
from train.importer.report import describe, left_out
from train.importer.source_files import Face, Skipped
from train.importer.splits import Image, assign_splits
from train.importer.table import is_table
from train.importer.votes import VOTE_COLUMNS, Votes, match_by_name, match_by_row, read_votes, soft_label

RECORD, CLASSES = "import.json", "classes.txt"


def import_data(
    source: Path,
    output: Path,
    votes: Path | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
    classes: str | None = None,
) -> dict:
    """Import `source` into `output` and return the record that is also written as `import.json`.

    Args:
        source: zip or folder of class folders, or fer2013.csv.
        output: folder to create; the output of an earlier import is replaced.
        votes: FER+ votes, as sidecar or as Microsoft's fer2013new.csv.
        seed: chooses the images of `train` that are held out where the source lacks held-out parts.
        max_bytes: largest expanded size of a zip.
        classes: names of numbered classes: an order's name, names in the order of the numbers, or pairs; or the
            class folders to take.

    Raises:
        UserError: the source, the votes or the output cannot be used; `output` is unchanged.
    """
    output = resolved(output)
    _check_output(output, [source, *([votes] if votes else [])])
    rows = read_votes(votes) if votes else []
    try:
        with whole_folder(output) as root, read_source(source, max_bytes, classes) as reading:
            return _build(root, source, reading, rows, seed)
    except OSError as error:
        problem = f"{error.filename or output}: {error.strerror or error}"
        raise UserError(problem, "check the path, its permissions and the free space") from error


def _build(root: Path, source: Path, reading: Reading, votes: list[Votes], seed: int) -> dict:
    images, skipped = _stage(root, reading)
    if not images:
        raise _no_images(source, skipped)
    sha256 = _sha256(source, images)
    dropped = assign_splits(images, seed)
    gone = {id(image) for image in dropped}
    kept = [image for image in images if id(image) not in gone]
    _check_classes(source, reading.classes, kept, left_out(images, skipped))
    if votes and reading.classes != EMOTIONS:
        raise UserError(f"{source} has its own classes, which FER+ votes do not fit", "leave the votes out")
    counts = _match(source, votes, images, skipped) if votes else {}
    record = describe(images, dropped, skipped, reading.notes(), reading.classes) | {
        "source": source.resolve().name,
        "sha256": sha256,
        "seed": seed,
        "votes": sum(image.name in counts for image in kept),
    }
    _settle(root, kept)
    shutil.rmtree(root / _STAGE)
    (root / CLASSES).write_text("".join(f"{name}\n" for name in reading.classes))
    if votes:
        _write_votes(root, kept, counts)
    (root / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return record


def _no_images(source: Path, skipped: list[Skipped]) -> UserError:
    first = f" ({len(skipped):,} skipped, first {skipped[0].name!r}: {skipped[0].reason})" if skipped else ""
    return UserError(
        f"{source} holds no images to import{first}",
        "give images in folders named after their classes, or fer2013.csv itself, unpacked",
    )


def _check_output(output: Path, inputs: list[Path]) -> None:
    if output.exists() and not (output / RECORD).is_file():
        raise UserError(f"{output} exists and was not made by an import", "name another by DATA=<folder>")
    if (output / "votes.csv").is_file() and len(inputs) == 1:
        remedy = "name the votes again by FERPLUS=<csv>, or another folder by DATA=<folder>"
        raise UserError(f"{output} has votes, which an import without them would remove", remedy)
    for path in inputs:
        real = resolved(path)
        # Replacing an output around the source would delete the source; an output inside the source would be read.
        if real.is_relative_to(output) or output.is_relative_to(real):
            raise UserError(f"{path} and the output {output} overlap", "choose another --output")


_STAGE = "incoming"
_STEM_BYTES, _SUFFIX_BYTES = 220, 20


def _stage(root: Path, reading: Reading) -> tuple[list[Image], list[Skipped]]:
    """Copy the images to a staging folder; their splits are known only when all have been read."""
    stage = root / _STAGE
    stage.mkdir()
    images: list[Image] = []
    skipped: list[Skipped] = []
    with Progress("importing", reading.total, "files") as progress:
        for found in reading:
            image = _keep(found, stage / str(len(images))) if isinstance(found, Face) else found
            if isinstance(image, Image):
                images.append(image)
            else:
                skipped.append(image)
            progress.update(len(images) + len(skipped))
    return sorted(images, key=lambda image: image.name), skipped


def _keep(face: Face, path: Path) -> Image | Skipped:
    """Write the image to `path`, or return the reason to leave it out."""
    try:
        data, pixels = read_picture(face.data)
    except ValueError as error:
        return Skipped(face.name, str(error))
    path.write_bytes(data)
    suffix = fitting_name(PurePosixPath(face.name).suffix, size=_SUFFIX_BYTES) if data is face.data else ".png"
    return Image(face.name, face.emotion, face.split, pixels, path, suffix)


def _sha256(source: Path, images: list[Image]) -> str:
    """SHA-256 of the file; for a folder, of the names and hashes of its images."""
    if source.is_file():
        return file_sha256(source)
    return sha256("".join(f"{image.name}\0{file_sha256(image.path)}\n" for image in images).encode())


def _check_classes(source: Path, classes: Sequence[str], images: list[Image], without: list[dict]) -> None:
    trained = {image.emotion for image in images if image.split == "train"}
    missing = [name for number, name in enumerate(classes) if number not in trained]
    if missing:
        folders = listed([f"{item['folder']} ({item['reason']})" for item in without])
        raise UserError(
            f"{source} has no images to train on of {', '.join(missing)}"
            + (f"; left out: {folders}" if folders else ""),
            "add some of each class, or name the folders to take by CLASSES=<name>,<name>,…",
        )


def _match(source: Path, votes: list[Votes], images: list[Image], skipped: list[Skipped]) -> dict[str, tuple[int, ...]]:
    names = [image.name for image in images]
    if is_table(source) and votes[0].usage:
        return match_by_row(votes, names, len(names) + len(skipped))
    return match_by_name(votes, names)


def _settle(root: Path, images: list[Image]) -> None:
    """Move the images to `<split>/<class>/<name>`; equal names from different folders get a number."""
    taken = set()
    for image in images:
        folder = root / image.split / str(image.emotion)
        folder.mkdir(parents=True, exist_ok=True)
        stem = fitting_name(PurePosixPath(image.name).stem, size=_STEM_BYTES)
        target, copies = folder / f"{stem}{image.suffix}", 1
        # Compared without case, so that the dataset survives being copied to a Mac or to Windows.
        while str(target).casefold() in taken:
            copies += 1
            target = folder / f"{stem}-{copies}{image.suffix}"
        taken.add(str(target).casefold())
        image.path = image.path.rename(target)


def _write_votes(root: Path, images: list[Image], counts: dict[str, tuple[int, ...]]) -> None:
    """Write `labels.csv` and `votes.csv`; an image without votes is in neither and keeps its class."""
    with (
        (root / "labels.csv").open("w", newline="", encoding="utf-8") as labels,
        (root / "votes.csv").open("w", newline="", encoding="utf-8") as votes,
    ):
        label_rows, vote_rows = (csv.writer(file, lineterminator="\n") for file in (labels, votes))
        label_rows.writerow(["file", *range(len(EMOTIONS))])
        vote_rows.writerow(["file", *VOTE_COLUMNS])
        for image in images:
            if image.name in counts:
                file = image.path.relative_to(root).as_posix()
                label_rows.writerow([file, *soft_label(counts[image.name]).tolist()])
                vote_rows.writerow([file, *counts[image.name]])
