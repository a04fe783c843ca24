"""Search of a folder for pictures."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge.base.errors import UserError
from edge.base.files import unreadable
from edge.sources.image_formats import PICTURE_SUFFIXES, is_picture

SYSTEM_NAMES = frozenset({"@eadir", "__macosx", "desktop.ini", "thumbs.db"})
"""Files and folders that operating systems leave among photos, in lower case; some hold thumbnails."""


@dataclass(frozen=True)
class Listing:
    """Content of a folder.

    Attributes:
        pictures: paths, sorted by name, folder by folder.
        others: number of other files, by suffix.
        folders: number of folders that were not searched.
        unreadable: folders that this user may not read, with the error.
    """

    pictures: list[Path]
    others: Counter[str]
    folders: int
    unreadable: list[UserError]

    def left_out(self) -> str:
        """Describe in one line what was left out; empty where nothing was. Hidden files do not count."""
        parts = []
        if count := self.others.total():
            endings = ", ".join(f"{count} {ending}" for ending, count in sorted(self.others.items()))
            parts.append(f"{count} {'file' if count == 1 else 'files'} without an image ({endings})")
        if self.folders:
            parts.append(f"{self.folders} {'folder' if self.folders == 1 else 'folders'} (--recursive reads them)")
        return " and ".join(parts)


def list_pictures(folder: Path, *, recursive: bool = False) -> Listing:
    """Find the pictures in a folder by their first bytes. Links to folders are followed; each folder is read once.

    Hidden files are skipped: macOS leaves `._IMG_1.jpg` beside IMG_1.jpg on disks of other systems.

    Raises:
        OSError: this user may not read the folder.
    """
    listing = Listing([], Counter(), 0, [])
    folders, seen, skipped = sorted(_look(folder, listing)), {_identity(folder)}, 0
    while folders:
        inner = folders.pop()
        try:
            if not recursive:
                skipped += 1
            elif _identity(inner) not in seen:
                seen.add(_identity(inner))
                folders += _look(inner, listing)
        except OSError as error:
            listing.unreadable.append(unreadable(inner, error))
    return Listing(sorted(listing.pictures), listing.others, skipped, listing.unreadable)


def _look(folder: Path, listing: Listing) -> list[Path]:
    """Add a folder's files to the listing; return the folders in it."""
    folders = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name.lower() in SYSTEM_NAMES:
            continue
        try:
            if path.is_dir():
                folders.append(path)
                continue
            picture = is_picture(path)
        except OSError:  # this user may not read it: the reader reports that
            picture = path.suffix.lower() in PICTURE_SUFFIXES
        if picture:
            listing.pictures.append(path)
        else:
            listing.others[path.suffix.lower() or "without an ending"] += 1
    return folders


def _identity(folder: Path) -> tuple[int, int]:
    """Return device and inode of a folder, which are the same for every path to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino
