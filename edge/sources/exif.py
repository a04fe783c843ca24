"""EXIF orientation of PNG and WebP pictures, which OpenCV applies in some versions and kinds of reading only."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from edge.sources.kinds import BrokenPicture

ORIENTATION = 0x0112
"""The tag's number."""


def png_orientation(content: bytes) -> int:
    """Orientation by a PNG's `eXIf` chunk, 1 to 8; 1 (upright) where there is none.

    Raises:
        BrokenPicture: the picture is cut off or damaged, by the check sums of what is needed to decode it.
    """
    exif = b""
    for name, body, checksum in _png_chunks(content):
        if name[:1].isupper() and zlib.crc32(body, zlib.crc32(name)) != checksum:
            raise BrokenPicture("damaged")
        exif = body if name == b"eXIf" else exif
        if name == b"IEND":
            return orientation(exif)
    raise BrokenPicture("cut off")


def webp_orientation(content: bytes) -> int:
    """Orientation by a WebP's `EXIF` chunk, 1 to 8; 1 (upright) where there is none."""
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if name == b"EXIF":
            return orientation(content[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return 1


def orientation(exif: bytes) -> int:
    """Orientation by EXIF data, 1 to 8; 1 where they have none, or are damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, first)
        for entry in range(count):
            tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, first + 2 + 12 * entry)
            if (tag, kind, values) == (ORIENTATION, 3, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror a picture `[h, w, …]` as its orientation, 1 to 8, asks for."""
    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    # By quarters, anticlockwise, of what has been mirrored.
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, quarters))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Names, bodies and check sums, up to the first one that is cut off."""
    at = 8
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            return
        yield name, content[at + 8 : end], struct.unpack_from(">I", content, end)[0]
        at = end + 4
