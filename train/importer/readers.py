"""Read labelled faces from a zip or a folder of class folders, or from fer2013.csv.

Every reader yields, for one file at a time, a `Face` with the bytes or a `Skipped` with the reason. So a bad file is a
line in the report and does not end the import. An error in the source as a whole is a `UserError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from edge.base.errors import UserError
from train.importer.archive import MAX_BYTES, open_archive
from train.importer.folder import Folder
from train.importer.layout import HINTS, read_layout
from train.importer.source_files import Face, Skipped
from train.importer.table import Table, is_table


class Reading(Protocol):
    """Open source.

    Attributes:
        total: number of its files, or rows.
        classes: names of its classes, in the order of their numbers.
    """

    total: int
    classes: tuple[str, ...]

    def __iter__(self) -> Iterator[Face | Skipped]:
        """Yield all files of the source."""

    def notes(self) -> list[str]:
        """Return lines for the report on the interpretation of ambiguous names."""


class Files(Protocol):
    """Files of a folder or an archive.

    Attributes:
        names: paths inside the source, with forward slashes, sorted.
        skipped: files whose names cannot be used.
    """

    names: list[str]
    skipped: list[Skipped]

    def read(self, name: str) -> bytes | Skipped:
        """Return the content of a file, or the reason to leave it out."""


@contextmanager
def read_source(source: Path, max_bytes: int = MAX_BYTES, classes: str | None = None) -> Iterator[Reading]:
    """Open `source`: a folder, a table, or else a zip.

    Args:
        source: its path.
        max_bytes: largest expanded size of a zip.
        classes: names of numbered classes, in the form of `--classes`.

    Raises:
        UserError: the source is missing, is none of the three, is not safe to unpack, or is ambiguous.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist", "give a zip or folder of class folders, or fer2013.csv")
    if not source.is_file() and not source.is_dir():
        raise UserError(f"{source} is neither a file nor a folder", "give a zip or folder, or fer2013.csv")
    if source.is_dir():
        yield ClassFolders(source, Folder(source), classes)
    elif is_table(source):
        yield Table(source, classes)
    else:
        with open_archive(source, max_bytes) as archive:
            yield ClassFolders(source, archive, classes)


class ClassFolders:
    """Faces in class folders."""

    def __init__(self, source: Path, files: Files, classes: str | None) -> None:
        self._files = files
        self._names = [name for name in files.names if not _is_hidden(name)]
        self.total = len(self._names)
        self._layout = read_layout(source, self._names, classes, self._read_text)
        self.classes = self._layout.classes

    def __iter__(self) -> Iterator[Face | Skipped]:
        yield from self._files.skipped
        for name in self._names:
            if PurePosixPath(name).name.lower() not in HINTS:
                yield self._read(name)

    def notes(self) -> list[str]:
        hidden = len(self._files.names) - len(self._names)
        return self._layout.notes() + ([f"hidden files left out: {hidden:,}"] if hidden else [])

    def _read(self, name: str) -> Face | Skipped:
        place = self._layout.place(name)
        if isinstance(place, Skipped):
            return place
        data = self._files.read(name)
        return Face(name, *place, data) if isinstance(data, bytes) else data

    def _read_text(self, name: str) -> str:
        data = self._files.read(name)
        if isinstance(data, Skipped):
            raise UserError(f"{name}: {data.reason}", "correct it, or leave it out")
        return data.decode("utf-8-sig", errors="replace")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
