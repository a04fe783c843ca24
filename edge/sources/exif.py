"""EXIF orientation of PNG and WebP pictures, which only some versions of OpenCV apply."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from edge.sources.image_formats import BrokenPicture

ORIENTATION = 0x0112
"""EXIF tag of the orientation."""


def png_orientation(content: bytes) -> int:
    """Return the orientation in a PNG's `eXIf` chunk, 1 to 8; 1 (upright) without one.

    Raises:
        BrokenPicture: a chunk that is needed for decoding is cut off or has a wrong checksum.
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
    """Return the orientation in a WebP's `EXIF` chunk, 1 to 8; 1 (upright) without one."""
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if name == b"EXIF":
            return orientation(content[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return 1


def orientation(exif: bytes) -> int:
    """Return the orientation in EXIF data, 1 to 8; 1 where there is none or the data are damaged."""
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
    """Rotate and mirror a picture `[h, w, …]` to be upright; `orientation` is 1 to 8."""
    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    # Quarter turns anticlockwise, after mirroring.
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, quarters))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield names, bodies and checksums of the chunks, up to the first one that is cut off."""
    at = 8
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            return
        yield name, content[at + 8 : end], struct.unpack_from(">I", content, end)[0]
        at = end + 4
