"""Meaning of one path: the classes, numbers and split in its folders' names."""

from dataclasses import dataclass
from functools import lru_cache

from train.importer.names import USAGE_SPLITS, read_class, read_number, read_split


@dataclass(frozen=True, eq=False)
class Place:
    """Folders of a path, and the meaning of their names.

    Attributes:
        folders: the folders' names, outermost first.
        classes: class names by position of their folder; misspelled ones only where no name is exact.
        misspelled: positions of misspelled names.
        numbers: numbers by position of their folder.
        split: split of FER-2013's file name prefix, otherwise of the innermost folder that names one.
        split_name: folder or prefix that names `split`.
    """

    folders: tuple[str, ...]
    classes: dict[int, str]
    misspelled: frozenset[int]
    numbers: dict[int, int]
    split: str | None
    split_name: str

    @property
    def class_position(self) -> int | None:
        """Return the position of the folder that may name the class; a name takes precedence over a number."""
        return min(self.classes or self.numbers, default=None)

    @property
    def around(self) -> tuple[str, ...]:
        """Return the folders around that of the class."""
        return self.folders[: self.class_position]


def read_place(name: str) -> Place:
    """Interpret the folders of a file and FER-2013's prefix of its name; `name` has forward slashes."""
    folder, _, file = name.rpartition("/")
    prefixes = (usage for usage in USAGE_SPLITS if file.lower().startswith(f"{usage.lower()}_"))
    return _read_folders(folder, next(prefixes, ""))


@lru_cache(maxsize=2**14)
def _read_folders(path: str, prefix: str) -> Place:
    folders = tuple(path.split("/")) if path else ()
    read = {i: found for i, folder in enumerate(folders) if (found := read_class(folder))}
    read = {i: found for i, found in read.items() if found.exact} or read
    splits = [(split, folder) for folder in (*folders, prefix) if (split := read_split(folder))]
    split, split_name = splits[-1] if splits else (None, "")
    return Place(
        folders=folders,
        classes={i: found.name for i, found in read.items()},
        misspelled=frozenset(i for i, found in read.items() if not found.exact),
        numbers={i: number for i, folder in enumerate(folders) if (number := read_number(folder)) is not None},
        split=split,
        split_name=split_name,
    )
