"""Annotated copies of images, in a folder of their own."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import cv2

from edge.base.errors import UserError
from edge.base.files import fitting_name, resolved, write_whole
from edge.faces.results import FrameResult
from edge.outputs.annotate import annotate
from edge.sources.image_formats import PICTURE_SUFFIXES

JPEG_SUFFIXES = frozenset({".jfif", ".jpe", ".jpeg", ".jpg", ".pjpeg"})
PNG_SUFFIXES = frozenset({".bmp", ".dib", ".gif", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"})
"""Suffixes of lossless images, whose copies are PNGs; other copies are JPEGs."""

COPY_QUALITY = 95
"""JPEG quality of the copies, 0 to 100."""


class AnnotatedImages:
    """Writes an annotated copy of each image; each copy appears whole.

    A copy has its image's name and subfolder in `folder`, and a number if another copy has that name.
    """

    name = "images"
    complete = True

    def __init__(self, folder: Path, sources: Iterable[Path], *, recursive: bool = False) -> None:
        """Check the folder, which exists or can be created.

        Args:
            folder: folder of the copies.
            sources: images and folders of images that are read.
            recursive: whether subfolders are read, too.

        Raises:
            UserError: copies would replace images that are read, or be read as images by the next run.
        """
        if folder.suffix.lower() in PICTURE_SUFFIXES:
            raise UserError(
                f"{folder}: annotated images are written to a folder, not to one file",
                "name a folder without a suffix",
            )
        place = resolved(folder)
        for source in map(resolved, sources):
            read = source if source.is_dir() else source.parent
            if place == read or (recursive and source == read and read in place.parents):
                raise UserError(f"{folder}: is a folder that images are read from", "name another one")
        self._folder, self._taken = folder, set[str]()

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        """Write the copy.

        Raises:
            UserError: it cannot be written.
        """
        path = self._place(PurePosixPath(result.frame.source))
        flags = [cv2.IMWRITE_JPEG_QUALITY, COPY_QUALITY] if path.suffix != ".png" else []
        _, content = cv2.imencode(".png" if path.suffix == ".png" else ".jpg", annotate(result), flags)
        write_whole(path, content.tobytes())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing; no file is open between two images."""

    def _place(self, source: PurePosixPath) -> Path:
        """Return a path that no other copy has."""
        ending = _ending(source.suffix)
        stem = source.stem if ending == source.suffix or source.suffix.lower() in PICTURE_SUFFIXES else source.name
        folder = self._folder.joinpath(*map(fitting_name, source.parts[1:-1]))  # the first part is the folder read
        number, path = 1, folder / f"{fitting_name(stem)}{ending}"
        while str(path).casefold() in self._taken or path.is_symlink():
            number += 1
            path = folder / f"{fitting_name(stem)}-{number}{ending}"
        self._taken.add(str(path).casefold())
        return path


def _ending(suffix: str) -> str:
    if suffix.lower() in JPEG_SUFFIXES:
        return suffix
    return ".png" if suffix.lower() in PNG_SUFFIXES else ".jpg"
