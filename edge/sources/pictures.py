"""Still pictures, one by one or a folder of them."""

import time
from pathlib import Path

import cv2
import numpy as np

from edge.errors import UserError
from edge.frames import Frame
from edge.sources.kinds import is_picture

PICTURE_SPACING = 2.0
"""Seconds between the pictures of a folder: longer than any memory, for they are not one another's past."""


class ImageSource:
    """One picture, or the pictures of a folder in the order of their names, `PICTURE_SPACING` apart."""

    live = False
    fps = 1.0

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
    """Read a picture as uint8 BGR `[h, w, 3]`, turned as its EXIF data says.

    Raises:
        UserError: the file is missing or not a picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "give the path of an image") from error
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise UserError(f"{path}: not an image that can be read", "give a JPEG, PNG or another common format")
    return image


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
