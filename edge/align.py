"""Cuts faces out as the training crops have them: the same eyes, nose and mouth at the same places."""

import cv2
import numpy as np

from edge.bundle import FaceTemplate
from edge.detect import Detection
from edge.geometry import similarity


def crop_face(image: np.ndarray, detection: Detection, template: FaceTemplate, size: int) -> np.ndarray:
    """The aligned face: turned, scaled and shifted by its landmarks, or by its box where there are none.

    Args:
        image: uint8 BGR `[h, w, 3]`.
        detection: a face in pixels of `image`.
        template: where the face shall lie.
        size: pixels of the crop's side.

    Returns:
        uint8 RGB `[size, size, 3]`; what lies outside the image repeats its edge.
    """
    crop = _warp(image, face_transform(detection, template, size), size)
    return cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)


def face_transform(detection: Detection, template: FaceTemplate, size: int) -> np.ndarray:
    """Similarity from image to crop, float64 `[2, 3]`."""
    if detection.landmarks is not None:
        return similarity(detection.landmarks, np.array(template.landmarks) * size)
    box, goal = np.array(detection.box), np.array(template.box) * size
    scale = np.sqrt(goal[2] * goal[3] / (box[2] * box[3]))
    shift = goal[:2] + goal[2:] / 2 - scale * (box[:2] + box[2:] / 2)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _warp(image: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Apply a transform that may shrink: bilinear sampling alone would skip pixels of a large face."""
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    supersampling = max(1, int(1 / scale)) if scale > 0 else 1
    large = cv2.warpAffine(
        image,
        transform * supersampling + _half_pixel(supersampling),
        (size * supersampling, size * supersampling),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return large if supersampling == 1 else cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)


def _half_pixel(factor: int) -> np.ndarray:
    """Pixel centres move by this when a picture grows by `factor`."""
    return np.array([[0, 0, (factor - 1) / 2], [0, 0, (factor - 1) / 2]])
