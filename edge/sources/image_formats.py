"""Kinds of still pictures, recognized by the first bytes of a file, and the errors of pictures."""

import os
import stat
from pathlib import Path

HEAD = 64
"""Bytes that are enough to recognize the kind of a file."""

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"}
    | {".jpx", ".jxl", ".mpo", ".pbm", ".pgm", ".pjpeg", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Suffixes of pictures, in lower case."""

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
)

_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC"),
}
"""Brands of a HEIF container, which name the codec of its picture."""

_MOTION_JPEG_SUFFIXES = (".mjpeg", ".mjpg")
"""Suffixes of streams of JPEGs, which begin like a single JPEG; only the name tells them apart."""


class BrokenPicture(ValueError):  # noqa: N818 - the caller, which knows the picture, makes the error
    """A picture is damaged or its form is not supported; the text says which."""


class TooManyScans(BrokenPicture):
    """A JPEG has so many scans that decoding it would take minutes."""


class TooManyPixels(ValueError):  # noqa: N818
    """A picture is larger than the limit."""


def is_picture(path: Path) -> bool:
    """Return whether a file is a still picture rather than a video, by its first bytes.

    Where these are unknown, the name decides: `photo.jpg` with other content is a broken picture. Only regular files
    are read, so that a pipe or a device neither blocks nor loses its content.

    Raises:
        OSError: this user may not read the file.
    """
    if path.suffix.lower() in _MOTION_JPEG_SUFFIXES or not path.is_file():
        return False
    head = read_head(path)
    named = path.suffix.lower() in PICTURE_SUFFIXES and not _is_video(head)
    return named or picture_kind(head) is not None


def picture_kind(head: bytes) -> str | None:
    """Return the kind of picture that begins with `head`; None for everything else.

    Args:
        head: the first `HEAD` bytes of a file, or all of a shorter one.
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _heif_kind(head)
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":  # two reserved words, always zero
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    return None


def read_head(path: Path) -> bytes:
    """Return the first `HEAD` bytes of a regular file; nothing where it is missing or not regular.

    Raises:
        OSError: this user may not read the file.
    """
    if not path.is_file():
        return b""
    # Without O_NONBLOCK, a pipe that has replaced the file meanwhile would block.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        return file.read(HEAD) if stat.S_ISREG(os.fstat(handle).st_mode) else b""


def _is_video(head: bytes) -> bool:
    """Recognize the containers of videos that carry a picture's name: MP4, Matroska and AVI."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head[:4] in (b"\x1aE\xdf\xa3", b"RIFF")


def _heif_kind(head: bytes) -> str | None:
    """Recognize a HEIF picture by the brands in its file type box: the major and the compatible ones."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    coded = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return coded or ("HEIF" if b"mif1" in brands else None)
