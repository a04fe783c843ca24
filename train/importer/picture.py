"""Pictures in the form that training reads."""

import hashlib

import cv2
import numpy as np

from edge.sources.image_formats import BrokenPicture, TooManyPixels
from edge.sources.stills import decode_still
from train.importer import MAX_PIXELS


def read_picture(data: bytes) -> tuple[bytes, str]:
    """Return the bytes to store of an image file, and the hash of its shape and pixels.

    The pixels are those that the board would see: upright, with transparent parts white. A file that training would
    read differently, or not at all, becomes a PNG; other files stay as they are.

    Raises:
        ValueError: it is not a readable image, or has more than `MAX_PIXELS`; the text says which.
    """
    try:
        pixels = decode_still(data, MAX_PIXELS)
    except TooManyPixels as error:
        raise ValueError(f"more than {MAX_PIXELS // 10**6} million pixels") from error
    except BrokenPicture as error:
        raise ValueError("not an image that can be read") from error
    if not _is_read_as(data, pixels):
        data = cv2.imencode(".png", pixels)[1].tobytes()
    total = hashlib.sha256(repr(pixels.shape).encode())
    total.update(np.ascontiguousarray(pixels).data)
    return data, total.hexdigest()


def _is_read_as(data: bytes, pixels: np.ndarray) -> bool:
    """Return True if training reads `pixels`, uint8 BGR `[h, w, 3]`, from the file."""
    try:
        # Without the rules of `decode_still`: other programs must read the stored file alike, too.
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return False
    return read is not None and np.array_equal(read, pixels)
