"""Check whether a face is good enough to be read."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from edge.base.settings import Quality
from edge.faces.detector import Detection

NOSE = 0.65
"""Distance of the tip of the nose in front of the eyes, relative to that between the eyes: about 4 cm to 6.3 cm."""


def shortcoming(detection: Detection, needs: Quality) -> str | None:
    """Return why a face cannot be read, as far as its box and landmarks tell: `small` or `turned`; otherwise None."""
    if min(detection.box[2:]) < needs.min_face_size:
        return "small"
    if needs.max_turn and detection.landmarks is not None and abs(turn(detection.landmarks)) > needs.max_turn:
        return "turned"
    return None


def is_blurred(crop: np.ndarray, needs: Quality) -> bool:
    """Return whether a face has too little detail to be read; `crop` is uint8 RGB `[size, size, 3]`, aligned."""
    return needs.min_sharpness > 0 and sharpness(crop) < needs.min_sharpness


def turn(landmarks: Sequence[complex]) -> float:
    """Return the angle in degrees by which a head is turned to its left (positive) or right.

    In the picture the nose moves away from the middle between the eyes by the sine of the angle, and the eyes move
    together by its cosine. The tilt of the head towards a shoulder has no influence.

    Args:
        landmarks: points in the order of `Detection`.
    """
    right_eye, left_eye, nose = landmarks[:3]
    eyes = left_eye - right_eye
    across = (nose - (right_eye + left_eye) / 2) * eyes.conjugate()  # its real part is along the line of the eyes
    return math.degrees(math.atan(across.real / max(abs(eyes) ** 2, 1e-9) / NOSE))


def sharpness(crop: np.ndarray) -> float:
    """Return the energy of the Laplacian relative to that of the picture: the share of contrast between neighbours.

    Pech-Pacheco et al., 2000 (doi 10.1109/ICPR.2000.903548) use the Laplacian's energy alone, which is also low in the
    dark.

    Args:
        crop: uint8 RGB `[size, size, 3]`.

    Returns:
        0 where neighbours are equal; larger for sharper pictures.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return _energy(cv2.Laplacian(grey, cv2.CV_32F)) / max(_energy(grey), 1.0)


def _energy(values: np.ndarray) -> float:
    """Return the variance; for so few values OpenCV takes a tenth of the time of numpy."""
    _, deviation = cv2.meanStdDev(values)
    return float(deviation[0, 0]) ** 2
