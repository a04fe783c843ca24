"""Sources of still pictures: a single one, or a folder."""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge import MAX_PICTURE_PIXELS
from edge.base.errors import UserError, printable
from edge.base.files import unreadable
from edge.sources.folder import list_pictures
from edge.sources.frame import Frame
from edge.sources.image_formats import HEAD, BrokenPicture, TooManyPixels, is_picture, picture_kind
from edge.sources.pixels import BgrPixels
from edge.sources.stills import decode_still

log = logging.getLogger(__name__)

PICTURE_SPACING = 2.0
"""Seconds between the pictures of a folder: long enough that tracker and smoother treat them as unrelated."""

MAX_PICTURE_BYTES = 1_000_000_000
"""Largest picture file, bytes; the largest supported picture without compression is smaller."""

READ_BYTES = 1 << 20
"""Bytes a read."""


def open_folder(
    folder: Path, *, recursive: bool = False, strict: bool = False, told: set[str] | None = None
) -> "ImageSource":
    """Open the pictures of a folder, and log in one line which files are left out.

    Args:
        folder: its path.
        recursive: whether folders in it are read, too.
        strict: whether the first unreadable picture is an error.
        told: messages logged before, which are not repeated in later rounds of a loop; new ones are added.

    Raises:
        OSError: this user may not read the folder.
        UserError: it has no readable picture; with `strict`, this user may not read a folder in it.
    """
    told = set() if told is None else told
    listing = list_pictures(folder, recursive=recursive)
    left_out = listing.left_out()
    if listing.unreadable and (strict or not listing.pictures):
        raise listing.unreadable[0]
    if not listing.pictures:
        problem = f"{folder}: no images in this folder" + (f", but {left_out}" if left_out else "")
        raise UserError(problem, "give a folder of JPEG, PNG or other images")
    if left_out and left_out not in told:
        told.add(left_out)
        log.warning("%s: left out %s", printable(str(folder)), left_out)
    return ImageSource(listing.pictures, folder, strict=strict, unread=listing.unreadable, told=told)


def open_images(path: Path, *, recursive: bool = False, strict: bool = False) -> "ImageSource":
    """Open a picture of any name, or the pictures of a folder (see `open_folder`).

    Raises:
        UserError: there is no readable picture.
    """
    try:
        if path.is_dir():
            return open_folder(path, recursive=recursive, strict=strict)
    except OSError as error:
        raise unreadable(path, error, "give the path of an image") from error
    return ImageSource([path])


def holds_images(path: Path) -> bool:
    """Return whether a source is a picture or a folder."""
    try:
        return path.is_dir() or is_picture(path)
    except OSError:
        return False


class ImageSource:
    """One picture, or the pictures of a folder sorted by name, `PICTURE_SPACING` apart.

    Unreadable pictures of a folder are skipped and listed at the end.
    """

    live = False
    fps = 1.0
    duration = damage = None

    def __init__(
        self,
        paths: list[Path],
        folder: Path | None = None,
        *,
        strict: bool = False,
        unread: Iterable[UserError] = (),
        told: set[str] | None = None,
    ) -> None:
        """Read the first picture, so that a wrong file is refused before the run starts.

        Args:
            paths: at least one path.
            folder: their folder; records then name a picture `folder/picture`.
            strict: whether the first unreadable picture is an error.
            unread: errors of files that could not be read before.
            told: see `open_folder`.

        Raises:
            UserError: none of them can be read, or with `strict` the first.
        """
        self.name = printable(folder.resolve().name if folder else paths[0].name)
        self.total = len(paths)
        self._paths, self._folder, self._strict = iter(paths), folder, strict or len(paths) == 1
        self._told = set() if told is None else told
        self._unread, self._given, self._opened = list(unread), 0, time.time()
        self._first = self._next()
        if self._first is None:
            raise UserError(f"{folder}: none of its {self.total} images can be read", "see the messages above")

    def read(self) -> Frame | None:
        frame, self._first = self._first or self._next(), None
        return frame and replace(frame, arrived=time.monotonic())

    def close(self) -> None:
        self._paths, self._unread, self._first = iter(()), [], None

    def _next(self) -> Frame | None:
        """Return the next readable picture."""
        for path in self._paths:
            try:
                image = read_image(path)
            except UserError as error:
                if self._strict:
                    raise
                self._unread.append(error)
                continue
            captured = self._opened + self._given * PICTURE_SPACING
            self._given += 1
            return Frame(captured, BgrPixels(image), self._called(path), time.monotonic())
        self._report()
        return None

    def _called(self, path: Path) -> str:
        if self._folder is None:
            return self.name
        return f"{self.name}/{printable(path.relative_to(self._folder).as_posix())}"

    def _report(self) -> None:
        """Log the list of unreadable pictures, once."""
        new = [text for text in map(str, self._unread) if text not in self._told]
        if new:
            lines = "".join(f"\n  {text}" for text in new)
            log.warning("%s: %d could not be read:%s", self.name, len(new), lines)
        self._told.update(new)
        self._unread = []


def read_image(path: Path) -> np.ndarray:
    """Read a picture as uint8 BGR `[h, w, 3]`, upright; transparent parts become white.

    Raises:
        UserError: the file is missing, unreadable, too large or not a picture.
    """
    return decode_picture(_read_bytes(path), str(path))


def decode_picture(content: bytes, name: str) -> np.ndarray:
    """Decode the bytes of a picture as uint8 BGR `[h, w, 3]`, see `read_image`.

    Raises:
        UserError: they are not a picture, or it has too many pixels; the error calls it `name`.
    """
    try:
        return decode_still(content)
    except TooManyPixels as error:
        limit = MAX_PICTURE_PIXELS // 1_000_000
        raise UserError(f"{name}: the image has more than {limit} million pixels", "give a smaller one") from error
    except BrokenPicture as error:
        kind = picture_kind(content[:HEAD])
        problem = f"{kind} image that cannot be read ({error})" if kind else "not an image that can be read"
        raise UserError(f"{name}: {problem}", "give a whole JPEG, PNG, HEIC or another common format") from error


def _read_bytes(path: Path) -> bytes:
    """Read a picture whole, but only the beginning of other files, which may be videos of gigabytes."""
    try:
        with path.open("rb") as file:
            content = bytearray(file.read(READ_BYTES))
            more = picture_kind(bytes(content[:HEAD])) is not None
            while more and len(content) <= MAX_PICTURE_BYTES:  # other files may never end
                more = bool(part := file.read(READ_BYTES))
                content += part
    except OSError as error:
        raise unreadable(path, error, "give the path of an image") from error
    if len(content) > MAX_PICTURE_BYTES:
        raise UserError(
            f"{path}: more than {MAX_PICTURE_BYTES // 10**6} MB, too large for an image", "give a smaller one"
        )
    return bytes(content)
