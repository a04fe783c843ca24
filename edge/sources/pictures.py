"""Still pictures, one by one or a folder of them."""

import time
from pathlib import Path

import numpy as np

from edge import MAX_PICTURE_PIXELS
from edge.errors import UserError
from edge.frames import Frame
from edge.sources.kinds import HEAD, BrokenPicture, TooManyPixels, is_picture, picture_kind
from edge.sources.stills import decode_still

PICTURE_SPACING = 2.0
"""Seconds between the pictures of a folder: longer than any memory, for they are not one another's past."""

MAX_PICTURE_BYTES = 1_000_000_000
"""Bytes of a file above which it is no picture: the largest one that is read, without compression, has fewer."""

CHUNK = 1 << 20
"""Bytes that are read at a time."""


class ImageSource:
    """One picture, or the pictures of a folder in the order of their names, `PICTURE_SPACING` apart."""

    live = False
    fps = 1.0
    duration = damage = None

    def __init__(self, paths: list[Path], folder: str | None = None) -> None:
        """Name the pictures, and their folder where they are to be called `folder/picture`."""
        self.name = folder or paths[0].name
        self.total = len(paths)
        self._paths, self._seq, self._opened = paths, 0, time.time()
        self._prefix = f"{folder}/" if folder else ""
        read_image(paths[0])  # a wrong file is refused here, before anything is started

    def read(self) -> Frame | None:
        if self._seq == len(self._paths):
            return None
        path = self._paths[self._seq]
        captured = self._opened + self._seq * PICTURE_SPACING
        frame = Frame(self._seq, captured, read_image(path), self._prefix + path.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._paths = self._paths[: self._seq]


def read_image(path: Path) -> np.ndarray:
    """Read a picture as uint8 BGR `[h, w, 3]`, upright, over white where it is transparent.

    Raises:
        UserError: the file is missing, may not be read, is too large or is not a picture.
    """
    content = _read_bytes(path)
    try:
        return decode_still(content)
    except TooManyPixels as error:
        limit = MAX_PICTURE_PIXELS // 1_000_000
        raise UserError(f"{path}: the image has more than {limit} million pixels", "give a smaller one") from error
    except BrokenPicture as error:
        kind = picture_kind(content[:HEAD])
        problem = f"{kind} image that cannot be read ({error})" if kind else "not an image that can be read"
        raise UserError(f"{path}: {problem}", "give a JPEG, PNG, HEIC or another common format") from error


def _read_bytes(path: Path) -> bytes:
    content = bytearray()
    try:
        with path.open("rb") as file:
            while len(content) <= MAX_PICTURE_BYTES and (part := file.read(CHUNK)):  # devices may never end
                content += part
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "give the path of an image") from error
    if len(content) > MAX_PICTURE_BYTES:
        raise UserError(f"{path}: more than {MAX_PICTURE_BYTES // 10**6} MB, no image", "give a smaller one")
    return bytes(content)


def images_in(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names.

    Raises:
        UserError: there are none.
    """
    # Hidden ones are no photos: macOS leaves `._IMG_1.jpg` beside IMG_1.jpg on disks of other systems.
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and is_picture(path))
    if not paths:
        raise UserError(f"{folder}: no images in this folder", "give a folder of JPEG or PNG files")
    return paths
