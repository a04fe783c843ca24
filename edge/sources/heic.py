"""Decode HEIC and AVIF pictures, whole or in tiles, by FFmpeg, and apply the container's transformations."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from edge.base.ffmpeg import ColorRange, av
from edge.sources.decoder import HIGH_DYNAMIC_RANGE, SRGB
from edge.sources.heif import Fields, HeifFile, Item
from edge.sources.image_formats import BrokenPicture, TooManyPixels

_CODINGS = {b"hvc1": ("hevc", b"hvcC"), b"av01": ("libdav1d", b"av1C")}
"""FFmpeg's decoder, and the property that holds its configuration, by the kind of item."""

RGB, UNSPECIFIED = 0, 2
"""Matrix numbers without a matrix to set (ITU-T H.273)."""

_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")


def decode_heif(content: bytes, max_pixels: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode the primary picture of a HEIF file.

    Returns:
        uint8 BGR `[h, w, 3]`, and the opacity, uint8 `[h, w]`, or None.

    Raises:
        BrokenPicture: it is damaged, or its form is not supported.
        TooManyPixels: it has more than `max_pixels`; nothing was decoded.
    """
    decoder = _Decoder(HeifFile(content), max_pixels)
    image = decoder.picture(decoder.file.item(decoder.file.primary), "bgr24")
    alpha = decoder.alpha()
    return image, alpha if alpha is not None and alpha.shape == image.shape[:2] else None


class _Decoder:
    """Decodes the items of one file."""

    def __init__(self, file: HeifFile, max_pixels: int) -> None:
        self.file, self._max_pixels = file, max_pixels

    def alpha(self) -> np.ndarray | None:
        """Decode the primary picture's opacity, uint8 `[h, w]`."""
        for item in self.file.items.values():
            kind = (item.property(b"auxC") or b"")[4:]
            if self.file.primary in item.references.get(b"auxl", ()) and kind.startswith(_ALPHA):
                return self.picture(item, "gray")
        return None

    def picture(self, item: Item, pixels: str) -> np.ndarray:
        """Decode an item for display, in FFmpeg's pixel format `pixels`."""
        image = self._grid(item, pixels) if item.kind == b"grid" else self._coded(item, pixels)
        for name, content in item.properties:
            if name == b"clap":
                image = _cropped(image, Fields(content))
            elif name == b"irot":
                image = np.rot90(image, content[0] & 3)
            elif name == b"imir":
                image = image[:, ::-1] if content[0] & 1 else image[::-1]
        return np.ascontiguousarray(image)

    def _grid(self, item: Item, pixels: str) -> np.ndarray:
        """Join tiles row by row and crop the last ones to the picture."""
        fields = Fields(self.file.data(item))
        _, wide = fields.number(1), fields.number(1) & 1
        rows, columns = fields.number(1) + 1, fields.number(1) + 1
        width, height = fields.number(4 if wide else 2), fields.number(4 if wide else 2)
        self._check(width, height)
        tiles = [self.file.item(number) for number in item.references.get(b"dimg", ())]
        if len(tiles) != rows * columns or not (width and height):
            raise BrokenPicture(f"{len(tiles)} tiles of {rows * columns}")
        image = np.empty((height, width, 3) if pixels == "bgr24" else (height, width), np.uint8)
        step: tuple[int, ...] = ()
        for number, tile in enumerate(tiles):
            part = self._coded(tile, pixels)
            step = step or part.shape
            if part.shape != step or not _fits(step[:2], (rows, columns), (height, width)):
                raise BrokenPicture("tiles of another size")
            y, x = number // columns * step[0], number % columns * step[1]
            place = image[y : y + step[0], x : x + step[1]]
            place[:] = part[: place.shape[0], : place.shape[1]]
        return image

    def _coded(self, item: Item, pixels: str) -> np.ndarray:
        if item.kind not in _CODINGS:
            raise BrokenPicture(f"coded as {item.kind.decode('latin-1')!r}")
        name, configuration = _CODINGS[item.kind]
        if size := item.property(b"ispe"):
            fields = Fields(size[4:])
            self._check(fields.number(4), fields.number(4))
        context: Any = av.CodecContext.create(name, "r")
        context.extradata = item.property(configuration)
        # The decoder's own limit, since the container may state a wrong size.
        context.options = {"max_pixels": str(self._max_pixels)}
        context.thread_count = 1
        try:
            packet = av.Packet(self.file.data(item))
            frames = context.decode(packet) or context.decode(None)
        except (av.error.FFmpegError, ValueError) as error:
            raise BrokenPicture(f"cannot be decoded ({error})") from error
        if not frames:
            raise BrokenPicture("cannot be decoded")
        return _converted(frames[0], item, pixels)

    def _check(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise TooManyPixels


def _fits(tile: Sequence[int], grid: Sequence[int], size: Sequence[int]) -> bool:
    """Return whether the tiles cover the picture and no row or column of tiles lies outside."""
    return all((n - 1) * side < whole <= n * side for side, n, whole in zip(tile, grid, size, strict=True))


def _converted(frame: Any, item: Item, pixels: str) -> np.ndarray:
    """Convert a frame by the container's colours (`nclx`) where it states them, otherwise by the stream's."""
    for name, content in item.properties:
        if name == b"colr" and content[:4] == b"nclx":
            fields = Fields(content[4:])
            primaries, curve, matrix, full = (fields.number(size) for size in (2, 2, 2, 1))
            frame.color_primaries, frame.color_trc = primaries, curve
            frame.color_range = ColorRange.JPEG if full >> 7 else ColorRange.MPEG
            if matrix not in (RGB, UNSPECIFIED):
                frame.colorspace = matrix
    if pixels == "gray":
        return frame.reformat(format="gray", dst_color_range=ColorRange.JPEG, threads=1).to_ndarray()
    colours = SRGB if frame.color_trc in HIGH_DYNAMIC_RANGE else {}
    return frame.reformat(format=pixels, threads=1, **colours).to_ndarray()


def _cropped(image: np.ndarray, fields: Fields) -> np.ndarray:
    """Crop to the clean aperture, which gives sizes and the offset of its centre as fractions."""
    numbers = [
        Fraction(fields.number(4, signed=True), max(1, fields.number(4))) for _ in ("width", "height", "right", "down")
    ]
    spans = []
    for whole, size, shift in zip(image.shape[1::-1], numbers[:2], numbers[2:], strict=True):
        start = round((whole - size) / 2 + shift)
        spans.append(slice(max(0, start), min(whole, start + round(size))))
    cropped = image[spans[1], spans[0]]
    if not cropped.size:
        raise BrokenPicture("cropped to nothing")
    return cropped
