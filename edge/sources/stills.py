"""Decode still pictures of every kind, up to a number of pixels."""

import struct

import cv2
import numpy as np

from edge import MAX_PICTURE_PIXELS
from edge.sources.exif import png_orientation, upright, webp_orientation
from edge.sources.frame import to_bgr
from edge.sources.image_formats import HEAD, BrokenPicture, TooManyPixels, TooManyScans, picture_kind
from edge.sources.jpegs import MAX_SCANS, count_scans

BLENDED_ROWS = 256
"""Rows of a transparent picture blended with white at a time; the whole picture would take four times its memory."""


def decode_still(content: bytes, max_pixels: int = MAX_PICTURE_PIXELS) -> np.ndarray:
    """Decode a picture, upright and with transparent parts white; of an animation the first picture.

    The limit applies in the decoders, before they allocate memory. OpenCV has one limit per process (see `edge`), so a
    smaller `max_pixels` refuses a picture only after decoding.

    Returns:
        uint8 BGR `[h, w, 3]`.

    Raises:
        TooManyPixels: it has more than `max_pixels`.
        TooManyScans: it is a JPEG of more than `MAX_SCANS` scans.
        BrokenPicture: it is damaged, or this OpenCV does not support its kind.
    """
    kind = picture_kind(content[:HEAD])
    if kind in ("AVIF", "HEIC", "HEIF"):
        from edge.sources.heic import decode_heif  # loads FFmpeg

        image = _over_white(*decode_heif(content, max_pixels))
    elif kind == "GIF":
        image = _decode_gif(content, max_pixels)
    elif kind == "PNG":
        turn = png_orientation(content)
        image = upright(_flat(_by_opencv(content, cv2.IMREAD_UNCHANGED)), turn)
    elif kind == "WebP":
        image = upright(_flat(_by_opencv(content, cv2.IMREAD_UNCHANGED)), webp_orientation(content))
    elif kind in ("JPEG XL", None):
        raise BrokenPicture("a kind that is not read")
    elif kind in ("JPEG 2000", "TIFF"):
        image = _decode_any_depth(content)
    else:
        if kind == "JPEG" and count_scans(content) > MAX_SCANS:
            raise TooManyScans(f"it has more than {MAX_SCANS} scans")
        image = _by_opencv(content, cv2.IMREAD_COLOR)
    if image.shape[0] * image.shape[1] > max_pixels:
        raise TooManyPixels
    return image


def decode_jpeg(content: bytes | np.ndarray) -> np.ndarray:
    """Decode a JPEG of a camera, upright.

    Args:
        content: bytes or uint8 `[n]`.

    Returns:
        uint8 BGR `[h, w, 3]`.

    Raises:
        TooManyPixels: it has more than `edge.MAX_PICTURE_PIXELS`.
        BrokenPicture: it is damaged.
    """
    return _by_opencv(content, cv2.IMREAD_COLOR)


def _by_opencv(content: bytes | np.ndarray, flag: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag) if len(content) else None
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise TooManyPixels from error
        short = error.code == cv2.Error.StsNoMem
        raise BrokenPicture("it takes more memory than there is" if short else "damaged") from error
    if image is None:
        raise BrokenPicture("damaged")
    return image


def _decode_gif(content: bytes, max_pixels: int) -> np.ndarray:
    from edge.base.ffmpeg import av  # GIF is in OpenCV from 4.12 on

    size = struct.unpack_from("<HH", content, 6) if len(content) >= 10 else (0, 0)
    if size[0] * size[1] > max_pixels:
        raise TooManyPixels
    context = av.CodecContext.create("gif", "r")
    context.options, context.thread_count = {"max_pixels": str(max_pixels)}, 1
    try:
        for packet in [*context.parse(content), *context.parse(None)]:
            for frame in context.decode(packet):
                return _flat(frame.to_ndarray(format="bgra"))
    except (av.error.FFmpegError, ValueError) as error:
        raise BrokenPicture("damaged") from error
    raise BrokenPicture("damaged")


def _decode_any_depth(content: bytes) -> np.ndarray:
    """Decode a TIFF, which OpenCV rotates by itself, or a JPEG 2000.

    Pictures of 9 to 16 bits are read without opacity, since only then does OpenCV scale them by their real depth.
    """
    image = _by_opencv(content, cv2.IMREAD_UNCHANGED)
    if image.dtype == np.uint16:
        return _by_opencv(content, cv2.IMREAD_COLOR)
    if image.dtype != np.uint8:
        raise BrokenPicture(f"samples of the type {image.dtype}")
    if image.ndim == 3 and image.shape[2] == 4 and (image[..., :3] <= image[..., 3:]).all():
        return image[..., :3] + (255 - image[..., 3:])  # already multiplied by the opacity, as in most TIFFs
    return _flat(image)


def _flat(image: np.ndarray) -> np.ndarray:
    """Convert a picture of any depth and number of channels to opaque BGR of 8 bits."""
    if image.ndim == 2 or image.shape[2] != 4:
        return to_bgr(image)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    return _over_white(to_bgr(image), image[..., 3])


def _over_white(image: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Blend BGR `[h, w, 3]` with white by an opacity `[h, w]`, both uint8, in place."""
    if alpha is None or alpha.min() == 255:
        return image
    for top in range(0, len(image), BLENDED_ROWS):
        rows, share = image[top : top + BLENDED_ROWS], alpha[top : top + BLENDED_ROWS, :, None] / np.float32(255)
        rows[:] = rows * share + 255 * (1 - share) + 0.5
    return image
