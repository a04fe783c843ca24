"""Measure the position of faces in the training crops; the edge aligns its faces accordingly."""

from typing import Any

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.faces.detector import Detection, Detector
from train.dataset import Split

SAMPLES = 2000
LEAST_FACES = 50
"""Smallest number of faces for reliable medians."""

ENLARGED_SIDE, BORDER = 192, 48
"""Side to which crops are enlarged, and their border, in pixels: the detector needs larger faces with surroundings."""


def measure_template(training: Split, detector: Detector, seed: int) -> dict[str, Any]:
    """Detect the faces in training crops and return the median position of each landmark.

    Args:
        training: the crops; at most `SAMPLES` of them are used.
        detector: one with landmarks.
        seed: of the draw.

    Returns:
        `landmarks` (five pairs) and `box` (x, y, w, h), relative to the crop's side, and `measured_on`, the number
        of crops with a detected face.

    Raises:
        UserError: too few faces are detected.
    """
    chosen = np.random.default_rng(seed).permutation(len(training.images))[:SAMPLES]
    found = [faces[0] for i in chosen if (faces := detector.detect(_enlarged(training.images[i])))]
    if len(found) < LEAST_FACES:
        raise UserError(
            f"a face was found in {len(found)} of {len(chosen)} training crops, {LEAST_FACES} are needed",
            "name a bundle with faces in the same place by --template",
        )
    return _median(found) | {"measured_on": len(found)}


def _enlarged(face: np.ndarray) -> np.ndarray:
    large = cv2.resize(face[..., ::-1], (ENLARGED_SIDE, ENLARGED_SIDE), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(large, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE)


def _median(found: list[Detection]) -> dict[str, Any]:
    landmarks = np.array([face.landmarks for face in found if face.landmarks is not None])
    places = np.median([landmarks.real, landmarks.imag], axis=1).T
    x, y, w, h = np.median([face.box for face in found], axis=0)
    box = np.array([x - BORDER, y - BORDER, w, h]) / ENLARGED_SIDE
    return {
        "landmarks": ((places - BORDER) / ENLARGED_SIDE).round(4).tolist(),
        "box": box.round(4).tolist(),
    }
