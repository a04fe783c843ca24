"""Align faces: crop them so that eyes, nose and mouth lie where they do in the training images."""

import math

import cv2
import numpy as np

from edge.base.geometry import Area, Similarity, nearest_similarity
from edge.faces.detector import Detection
from edge.model.manifest import FaceTemplate
from edge.sources.pixels import Pixels

SMALLEST_SCALE = 1e-3
"""Smallest scale of a face; below it, all landmarks lie in one place."""


def crop_face(pixels: Pixels, detection: Detection, template: FaceTemplate, size: int) -> np.ndarray:
    """Crop a face, rotated, scaled and shifted by its landmarks, or by its box where there are none.

    Args:
        pixels: picture.
        detection: a face in it.
        template: position of the face in the crop.
        size: side of the crop, pixels.

    Returns:
        uint8 RGB `[size, size, 3]`; outside the picture its edge is repeated.
    """
    image, transform = _shown_part(pixels, face_transform(detection, template, size), size)
    crop = cv2.warpAffine(
        image, transform.matrix(), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)


def face_transform(detection: Detection, template: FaceTemplate, size: int) -> Similarity:
    """Return the transform from the picture to the crop."""
    if detection.landmarks is not None:
        return nearest_similarity(detection.landmarks, [complex(x, y) * size for x, y in template.landmarks])
    (_, _, w, h), (left, top, width, height) = detection.box, (value * size for value in template.box)
    scale = math.sqrt(width * height / (w * h))
    return Similarity(scale, complex(left + width / 2, top + height / 2) - scale * detection.centre)


def _shown_part(pixels: Pixels, transform: Similarity, size: int) -> tuple[np.ndarray, Similarity]:
    """Return the part of a picture that a transform shows, and the transform of that part.

    A transform that shrinks gets a part that is smaller by a whole factor; bilinear sampling alone would skip pixels of
    a large face.
    """
    scale = abs(transform.turn)
    if scale <= SMALLEST_SCALE:
        return pixels.bgr(), transform
    factor = max(1, min(int(1 / scale), pixels.width, pixels.height))
    corners = [transform.back(corner) for corner in (0, size, size * 1j, size * (1 + 1j))]
    left, columns = _cells([corner.real for corner in corners], factor, pixels.width)
    top, rows = _cells([corner.imag for corner in corners], factor, pixels.height)
    area = Area(left, top, left + factor * columns, top + factor * rows)
    # The centre of a cell lies half a cell, less half a pixel, from the centre of its first pixel.
    first = complex(left, top) + (factor - 1) / 2 * (1 + 1j)
    moved = Similarity(transform.turn * factor, transform.turn * first + transform.shift)
    return pixels.part(area, (columns, rows), cv2.INTER_AREA), moved


def _cells(places: list[float], factor: int, end: int) -> tuple[int, int]:
    """Return the first pixel and the number of cells that cover all places, with one more cell at either side.

    There is at least one cell, and all are in the image, which ends at pixel `end`.
    """
    first = min(max(0, int(min(places)) - factor), end - factor)
    last = min(int(max(places)) + 2 * factor, end)
    return first, max(1, (last - first) // factor)
