"""Convert camera buffers to pictures; formats have libcamera's names."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.sources.image_formats import BrokenPicture, TooManyPixels
from edge.sources.stills import decode_jpeg

Buffer = bytes | bytearray | memoryview | np.ndarray


@dataclass(frozen=True)
class _Layout:
    """Layout of a format in memory.

    Attributes:
        bytes: bytes per pixel in the first plane.
        planes: rows of the whole buffer for each row of the picture; 1.5 where colour has half the resolution.
        to_bgr: converts uint8 `[rows, width, bytes]`, or `[rows, width]` for one byte, to BGR.
    """

    bytes: int
    planes: float
    to_bgr: Callable[[np.ndarray], np.ndarray]


def _by(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: cv2.cvtColor(rows, code)


# Names begin with the high bits of a word, so the first letter is last in memory.
_LAYOUTS = {
    "RGB888": _Layout(3, 1, np.ascontiguousarray),
    "BGR888": _Layout(3, 1, _by(cv2.COLOR_RGB2BGR)),
    "XRGB8888": _Layout(4, 1, _by(cv2.COLOR_BGRA2BGR)),
    "XBGR8888": _Layout(4, 1, _by(cv2.COLOR_RGBA2BGR)),
    "YUYV": _Layout(2, 1, _by(cv2.COLOR_YUV2BGR_YUY2)),
    "YUV420": _Layout(1, 1.5, _by(cv2.COLOR_YUV2BGR_I420)),
    "YVU420": _Layout(1, 1.5, _by(cv2.COLOR_YUV2BGR_YV12)),
    "NV12": _Layout(1, 1.5, _by(cv2.COLOR_YUV2BGR_NV12)),
    "NV21": _Layout(1, 1.5, _by(cv2.COLOR_YUV2BGR_NV21)),
    "R8": _Layout(1, 1, _by(cv2.COLOR_GRAY2BGR)),
}

PIXEL_FORMATS = (*_LAYOUTS, "MJPEG")


def bytes_a_frame(form: str, size: tuple[int, int], stride: int | None = None) -> int:
    """Return the bytes of a picture of `size` (width, height) with rows of `stride` bytes; not for MJPEG."""
    layout, (width, height) = _LAYOUTS[form], size
    return int((stride or width * layout.bytes) * height * layout.planes)


def bytes_a_row(form: str, width: int) -> int:
    """Return the bytes of a row of the first plane, without a gap; not for MJPEG."""
    return width * _LAYOUTS[form].bytes


def decode(
    buffer: Buffer, form: str, size: tuple[int, int], stride: int | None = None, *, reused: bool = True
) -> np.ndarray:
    """Convert a camera's buffer to a picture.

    Args:
        buffer: the camera's bytes; the end may have padding.
        form: one of `PIXEL_FORMATS`.
        size: width and height in pixels; both even where colour has a plane of its own.
        stride: bytes from one row of the first plane to the next; None where rows have no gap.
        reused: whether the camera writes to the buffer again; otherwise the picture may share its memory.

    Returns:
        uint8 BGR `[height, width, 3]`.

    Raises:
        ValueError: unknown format, or the buffer is too short or no JPEG.
    """
    content = np.frombuffer(buffer, np.uint8)
    if form == "MJPEG":
        return _from_jpeg(content)
    if form not in _LAYOUTS:
        raise ValueError(f"pictures in the format {form} cannot be read; those in {', '.join(PIXEL_FORMATS)} can")
    layout, (width, height) = _LAYOUTS[form], size
    length, stride = bytes_a_frame(form, size, stride), stride or width * layout.bytes
    if len(content) < length:
        raise ValueError(f"a picture of {width}x{height} in {form} has {length} bytes, not {len(content)}")
    rows = content[:length].reshape(-1, stride)
    if layout.planes == 1:
        rows = rows[:, : width * layout.bytes]  # the gap at the end of each row
    picture = layout.to_bgr(rows.reshape(len(rows), -1, layout.bytes) if layout.bytes > 1 else rows)
    # Colour planes have gaps half as wide, which are cropped with the picture's right edge.
    picture = np.ascontiguousarray(picture[:, :width])
    return picture.copy() if reused and np.shares_memory(picture, content) else picture


def _from_jpeg(content: np.ndarray) -> np.ndarray:
    try:
        return decode_jpeg(content)
    except (BrokenPicture, TooManyPixels) as error:
        raise ValueError("not a JPEG that can be read") from error
