"""Says of a face whether its emotion can be told, and why not."""

import cv2
import numpy as np

from edge.base.settings import Quality
from edge.faces.detector import Detection

NOSE = 0.65
"""Distance of the tip of the nose in front of the eyes, in distances between the eyes: about 4 of 6.3 centimetres."""


def shortcoming(detection: Detection, crop: np.ndarray, needs: Quality) -> str | None:
    """Return the reason against a label: `small`, `turned` or `blurred`; None where there is none.

    Args:
        detection: the face.
        crop: uint8 RGB `[size, size, 3]`, aligned.
        needs: the limits.
    """
    if min(detection.box[2:]) < needs.smallest:
        return "small"
    if needs.widest_turn and detection.landmarks is not None and abs(turn(detection.landmarks)) > needs.widest_turn:
        return "turned"
    if needs.least_sharpness and sharpness(crop) < needs.least_sharpness:
        return "blurred"
    return None


def turn(landmarks: np.ndarray) -> float:
    """Degrees by which a head is turned to its left (positive) or right.

    The nose moves out of the middle between the eyes by the sine of the angle while the eyes draw together by its
    cosine, in the plane of the picture; how far the head is tilted to the shoulder does not matter.

    Args:
        landmarks: float `[5, 2]` as `Detection` has them.
    """
    right_eye, left_eye, nose = landmarks[:3]
    eyes = left_eye - right_eye
    offset = np.dot(nose - (right_eye + left_eye) / 2, eyes) / max(float(np.dot(eyes, eyes)), 1e-9)
    return float(np.degrees(np.arctan(offset / NOSE)))


def sharpness(crop: np.ndarray) -> float:
    """Energy of the Laplacian in that of the picture: how much of the contrast is between neighbours.

    Pech-Pacheco et al., 2000 (doi 10.1109/ICPR.2000.903548) take the former alone, which darkness lowers, too.

    Args:
        crop: uint8 RGB `[size, size, 3]`.

    Returns:
        0 where nothing changes between neighbours, more the more does.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return _energy(cv2.Laplacian(grey, cv2.CV_32F)) / max(_energy(grey), 1.0)


def _energy(values: np.ndarray) -> float:
    """Variance; OpenCV's takes a tenth of the time of numpy's on so few values."""
    _, deviation = cv2.meanStdDev(values)
    return float(deviation[0, 0]) ** 2
