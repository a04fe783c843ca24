"""Layout of a source with its own classes, such as `smiling` and `not smiling`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import PurePosixPath

from edge.base.classes import fault_in
from edge.base.errors import UserError
from edge.sources.image_formats import PICTURE_SUFFIXES
from train.importer.names import HELD_OUT, count_files, is_like_a_split, listed, read_split
from train.importer.path_meaning import read_place
from train.importer.source_files import Skipped


@dataclass
class OwnClasses:
    """Classes named after folders.

    Attributes:
        classes: their names, in the order of their numbers.
        outer: number of outermost folders that all pictures have in common.
        has_splits: True if any folder names a split.
        held_out: split of a folder such as `Eval`.
        taken: files, by the interpretation of an inexact name.
    """

    classes: tuple[str, ...]
    outer: int
    has_splits: bool
    held_out: str
    taken: Counter[str] = field(default_factory=Counter)

    def place(self, name: str) -> tuple[int, str] | Skipped:
        """Return class number and split of a file, or the reason to leave it out."""
        folder = class_folder(name, self.outer)
        if folder is None or folder.casefold() not in self._numbers:
            return Skipped(name, "not in the folder of a class")
        split = read_place(name).split
        if split is None and self.has_splits:
            return Skipped(name, "in no folder of a split")
        if split == HELD_OUT:
            self.taken[f"{HELD_OUT} folders read as {self.held_out}"] += 1
            split = self.held_out
        return self._numbers[folder.casefold()], split or "train"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Class numbers by casefolded names."""
        return {name.casefold(): number for number, name in enumerate(self.classes)}

    def notes(self) -> list[str]:
        """Return lines for the report."""
        named = f"classes named after the folders: {', '.join(self.classes)}"
        return [named, *(f"{what}: {count_files(count)}" for what, count in self.taken.items())]


def class_folder(name: str, outer: int) -> str | None:
    """Return a file's outermost folder that is neither common to all pictures nor a split, or None."""
    folders = [folder.strip() for folder in PurePosixPath(name).parts[outer:-1]]
    return next((folder for folder in folders if read_split(folder) is None), None)


def read_own_classes(
    source: object, names: Sequence[str], wanted: str | None, resolve: Callable[[object, set[str]], str]
) -> OwnClasses:
    """Find the classes of a source that are named after folders.

    Args:
        source: for errors.
        names: paths of its files, with forward slashes.
        wanted: option `--classes`, the folders to take, in the order of their numbers; all, by their names, if None.
        resolve: decides which split a held-out folder is, from all splits.

    Raises:
        UserError: there are too few or too many classes, a name is not allowed, or a wanted folder is missing.
    """
    # Folders of other files, such as notes, are no classes.
    pictures = [name for name in names if PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES]
    folders = [PurePosixPath(name).parts[:-1] for name in pictures]
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))))
    outer = max(0, min(shared, min(map(len, folders), default=0) - 1))  # the innermost folder may be the only class
    found: dict[str, str] = {}
    for name in pictures:
        if folder := class_folder(name, outer):
            found.setdefault(folder.casefold(), folder)
    if not found and wanted is None:
        return OwnClasses((), outer, has_splits=False, held_out="test")
    splits = {split for name in pictures if (split := read_place(name).split)}
    classes = _chosen(source, found, wanted)
    if unclear := sorted(map(repr, filter(is_like_a_split, classes))):
        raise UserError(
            f"{source}: it is not clear which split {listed(unclear)} is", "rename the folder to train, val or test"
        )
    return OwnClasses(classes, outer, has_splits=bool(splits), held_out=resolve(source, splits))


def _chosen(source: object, found: dict[str, str], wanted: str | None) -> tuple[str, ...]:
    if wanted is None:
        classes = tuple(found[key] for key in sorted(found))
    else:
        classes = tuple(item.strip() for item in wanted.split(","))
        if missing := [name for name in classes if name.casefold() not in found]:
            there = listed(sorted(found.values())) or "none"
            raise UserError(f"{source} has no folder {missing[0]!r} with pictures", f"it has {there}")
    if fault := fault_in(classes):
        here = f" (folders: {listed(classes)})" if classes else ""
        remedy = "rename the folders, or name those to take by CLASSES=<name>,<name>,…"
        raise UserError(f"{source}: {fault}{here}", remedy)
    return classes
