"""Folder as a source."""

import os
from collections.abc import Iterator
from pathlib import Path

from train.importer.source_files import MAX_FILE_BYTES, TOO_LARGE_FILE, Skipped


class Folder:
    """Files below a folder; links are followed.

    Attributes:
        names: paths of the files inside the folder, with forward slashes, sorted.
        skipped: folders that cannot be read.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self.skipped: list[Skipped] = []
        self.names = sorted(path.relative_to(source).as_posix() for path in self._walk())

    def read(self, name: str) -> bytes | Skipped:
        """Return the content of a file, or the reason to leave it out."""
        path = self._source / name
        if not path.is_file():
            return Skipped(name, "not a regular file")
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            return Skipped(name, f"cannot be read ({error.strerror})")
        return data if len(data) <= MAX_FILE_BYTES else Skipped(name, TOO_LARGE_FILE)

    def _walk(self) -> Iterator[Path]:
        """Yield every file, and visit each real folder once, as links can form a circle."""
        seen = set()
        for folder, subfolders, files in os.walk(self._source, followlinks=True, onerror=self._skip):
            real = os.path.realpath(folder)
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            yield from (Path(folder, file) for file in files)

    def _skip(self, error: OSError) -> None:
        name = Path(error.filename).relative_to(self._source).as_posix()
        self.skipped.append(Skipped(name, f"cannot be read ({error.strerror})"))
