"""Write HEIC and AVIF files as phones do: coded tiles, and boxes that say how they make a picture."""

import re
import struct
from fractions import Fraction

import numpy as np
import pytest

from edge.base.ffmpeg import av

ITEM_KINDS = {"libx265": b"hvc1", "libsvtav1": b"av01"}
BRANDS = {"libx265": b"heic", "libsvtav1": b"avif"}
CONFIGURATIONS = {"libx265": b"hvcC", "libsvtav1": b"av1C"}
QUIET = {"libx265": {"x265-params": "log-level=none"}, "libsvtav1": {"svtav1-params": "lp=1"}}


def box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content


def full(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def coded(image: np.ndarray, codec: str) -> tuple[bytes, bytes]:
    """Configuration and bytes of a picture, uint8 BGR `[h, w, 3]`, as HEVC or AV1."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
    context.options, context.time_base = QUIET[codec], Fraction(1)
    packets = [*context.encode(av.VideoFrame.from_ndarray(image, format="bgr24")), *context.encode(None)]
    content = b"".join(map(bytes, packets))
    if codec == "libsvtav1":
        return b"\x81\0\0\0", content
    units = re.split(rb"\x00\x00\x00?\x01", content)[1:]
    sets = [unit for unit in units if unit[0] >> 1 in (32, 33, 34)]
    # The profile, in the first 21 bytes, is of no interest to decoders; 0xFF: lengths of four bytes.
    arrays = b"".join(struct.pack(">BHH", unit[0] >> 1, 1, len(unit)) + unit for unit in sets)
    configuration = b"\1" + bytes(20) + b"\xff" + bytes([len(sets)]) + arrays
    return configuration, b"".join(struct.pack(">I", len(unit)) + unit for unit in units)


def heif(
    tiles: list[np.ndarray],
    size: tuple[int, int],
    *,
    columns: int = 1,
    transformations: tuple[bytes, ...] = (),
    alpha: np.ndarray | None = None,
    codec: str = "libx265",
    claimed: tuple[int, int] | None = None,
) -> bytes:
    """A HEIF file.

    Args:
        tiles: uint8 BGR, row by row, all of one size; a single one is the picture itself.
        size: width and height of the picture that they make.
        columns: tiles in a row.
        transformations: boxes `clap`, `irot`, `imir` of the picture.
        alpha: opacity, as a grey picture in BGR.
        codec: FFmpeg's encoder.
        claimed: width and height by the container of the coded pictures, where they are not theirs.
    """
    parts = [coded(tile, codec) for tile in (*tiles, *([alpha] if alpha is not None else []))]
    media = b"".join(data for _, data in parts)
    head = box(b"ftyp", BRANDS[codec], bytes(4), b"mif1", BRANDS[codec]) + box(b"mdat", media)
    first = len(head) - len(media)
    grid = len(tiles) > 1
    primary = len(parts) + 1 if grid else 1
    width, height = claimed or (tiles[0].shape[1], tiles[0].shape[0])
    shared = [
        box(CONFIGURATIONS[codec], parts[0][0]),
        full(b"ispe", struct.pack(">II", width, height)),
        full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"),
        *transformations,
    ]
    turning = bytes(range(4, 4 + len(transformations)))
    associations, places, infos, references = [], [], [], []
    for number, (_, data) in enumerate(parts, start=1):
        used = b"\x01\x02" + (turning if number == primary else b"")
        if alpha is not None and number == len(parts):
            used = b"\x01\x02\x03"
            references.append(box(b"auxl", struct.pack(">HHH", number, 1, primary)))
        associations.append(struct.pack(">HB", number, len(used)) + used)
        places.append(struct.pack(">HHHHII", number, 0, 0, 1, first, len(data)))
        infos.append(full(b"infe", struct.pack(">HH", number, 0), ITEM_KINDS[codec], b"\0", version=2))
        first += len(data)
    description = b""
    if grid:
        description = struct.pack(">BBBBHH", 0, 0, len(tiles) // columns - 1, columns - 1, *size)
        associations.append(struct.pack(">HB", primary, len(turning)) + turning)
        places.append(struct.pack(">HHHHII", primary, 1, 0, 1, 0, len(description)))
        infos.append(full(b"infe", struct.pack(">HH", primary, 0), b"grid", b"\0", version=2))
        numbers = range(1, len(tiles) + 1)
        references.append(box(b"dimg", struct.pack(f">HH{len(tiles)}H", primary, len(tiles), *numbers)))
    meta = full(
        b"meta",
        full(b"hdlr", bytes(4), b"pict", bytes(13)),
        full(b"pitm", struct.pack(">H", primary)),
        full(b"iinf", struct.pack(">H", len(infos)), *infos),
        full(b"iref", *references),
        box(
            b"iprp",
            box(b"ipco", *shared),
            full(b"ipma", struct.pack(">I", len(associations)), *associations),
        ),
        box(b"idat", description),
        full(b"iloc", b"\x44\x00", struct.pack(">H", len(places)), *places, version=1),
    )
    return head + meta
