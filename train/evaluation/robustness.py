"""Accuracy under graded disturbances (after Hendrycks and Dietterich 2019, arXiv 1903.12261).

They are those of a camera on a board: poor light and focus, compression, distant faces, tilted heads, sunglasses and
masks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

FACE_SIDE = 48
"""Pixels of the face that `blur` counts in."""

NOISE_SEED = 0

UNITS = {
    "darkness": "light (1: as it is)",
    "contrast": "contrast (1: as it is)",
    "blur": f"blur, sigma on a {FACE_SIDE}-pixel face",
    "noise": "noise, grey levels of 255",
    "jpeg": "JPEG quality (100: as it is)",
    "face_size": "face size, pixels",
    "rotation": "turned in the plane, degrees",
    "eyes": "eyes covered, share of the height",
    "mouth": "mouth covered, share of the height",
}
"""Unit of each disturbance's grades."""

Curves = dict[str, list[tuple[float, float]]]
"""(grade, accuracy 0 to 1) by disturbance, from the undisturbed images to the worst; goes to JSON as it is."""


@dataclass(frozen=True)
class Disturbance:
    """A disturbance of images.

    Attributes:
        grades: from weak to strong. The first one stands for unchanged images, without a call of `apply`.
        apply: uint8 `[n, size, size, 3]` and a grade to images of the same shape and type.
    """

    grades: tuple[float, ...]
    apply: Callable[[np.ndarray, float], np.ndarray]


def disturbances(size: int, landmarks: np.ndarray) -> dict[str, Disturbance]:
    """Return all disturbances by name.

    Args:
        size: side of the faces, pixels.
        landmarks: float `[5, 2]`, eyes, nose and corners of the mouth relative to the face crop.
    """
    eyes, mouth = float(landmarks[:2, 1].mean()), float(landmarks[3:, 1].mean())
    bands = (0, 0.1, 0.2, 0.3)
    return {
        "darkness": Disturbance((1, 0.5, 0.3, 0.15, 0.08), darken),
        "contrast": Disturbance((1, 0.5, 0.3, 0.2, 0.1), flatten),
        "blur": Disturbance((0, 0.5, 1, 1.5, 2, 3), blur),
        "noise": Disturbance((0, 2, 5, 10, 20), add_noise),
        "jpeg": Disturbance((100, 70, 40, 20, 10, 5), compress),
        "face_size": Disturbance((size, *(side for side in (40, 32, 24, 16, 12, 8) if side < size)), shrink),
        "rotation": Disturbance((0, 10, 20, 30, 45, 60), rotate),
        "eyes": Disturbance(bands, lambda images, share: hide_band(images, eyes, share)),
        "mouth": Disturbance(bands, lambda images, share: hide_band(images, mouth, share)),
    }


def robustness(
    predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, truth: np.ndarray, landmarks: np.ndarray
) -> Curves:
    """Measure a model's accuracy at each grade of each disturbance, one disturbance at a time.

    Args:
        predict: uint8 RGB `[n, size, size, 3]` to float `[n, classes]`, as `train.model_loader.LoadedModel.predict`.
        images: uint8 RGB `[n, size, size, 3]`.
        truth: int `[n]`, 0 to 6, or -1 for unclear images, which are left out.
        landmarks: as in `disturbances`.

    Raises:
        ValueError: no image is clear.
    """
    clear = truth >= 0
    if not clear.any():
        raise ValueError("no image has a clear label")
    images, truth = images[clear], truth[clear]

    def accuracy(faces: np.ndarray) -> float:
        return float((predict(faces).argmax(axis=1) == truth).mean())

    undisturbed = accuracy(images)
    return {
        name: [(d.grades[0], undisturbed), *((g, accuracy(d.apply(images, g))) for g in d.grades[1:])]
        for name, d in disturbances(images.shape[1], landmarks).items()
    }


def darken(images: np.ndarray, gain: float) -> np.ndarray:
    """Reduce the light: multiply pixel values by `gain`, 0 to 1, and round to 8 bits."""
    return _to_pixels(images * np.float32(gain))


def flatten(images: np.ndarray, contrast: float) -> np.ndarray:
    """Reduce the contrast: multiply each image's differences from its mean by `contrast`, 0 to 1."""
    means = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    return _to_pixels(means + (images - means) * np.float32(contrast))


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian of `sigma` pixels for a face of `FACE_SIDE`, in proportion for other sizes."""
    scaled = sigma * images.shape[1] / FACE_SIDE
    return _each(images, lambda face: cv2.GaussianBlur(face, (0, 0), scaled, borderType=cv2.BORDER_REPLICATE))


def add_noise(images: np.ndarray, deviation: float) -> np.ndarray:
    """Add Gaussian noise of `deviation` grey levels, the same in all channels and in each call."""
    noise = np.random.default_rng(NOISE_SEED).standard_normal(images.shape[:3], np.float32)
    return _to_pixels(images + np.float32(deviation) * noise[..., None])


def compress(images: np.ndarray, quality: float) -> np.ndarray:
    """Compress to JPEG of `quality`, 0 to 100, and decode."""
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]

    def compressed(face: np.ndarray) -> np.ndarray:
        # Its own small JPEG, which needs no limits.
        decoded = cv2.imdecode(cv2.imencode(".jpg", face[..., ::-1], options)[1], cv2.IMREAD_COLOR)
        assert decoded is not None
        return decoded[..., ::-1]

    return _each(images, compressed)


def shrink(images: np.ndarray, side: float) -> np.ndarray:
    """Shrink to `side` pixels by area and enlarge again bilinearly, as the edge enlarges small faces."""
    small, size = (int(side), int(side)), images.shape[1:3]

    def shrunk(face: np.ndarray) -> np.ndarray:
        return cv2.resize(cv2.resize(face, small, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_LINEAR)

    return _each(images, shrunk)


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate about the centre, alternately to the left and to the right; the edges are repeated."""
    size, centre = images.shape[1:3], (images.shape[1] - 1) / 2
    turns = [cv2.getRotationMatrix2D((centre, centre), sign * degrees, 1) for sign in (1, -1)]
    turned = (
        cv2.warpAffine(face, turns[i % 2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for i, face in enumerate(images)
    )
    return np.stack(list(turned))


def hide_band(images: np.ndarray, middle: float, share: float) -> np.ndarray:
    """Cover a band across the image with the image's mean colour.

    Args:
        images: uint8 `[n, size, size, 3]`.
        middle: of the band, relative to the height.
        share: the band's height relative to the image's.
    """
    size = images.shape[1]
    top, bottom = (round((middle + side * share / 2) * size) for side in (-1, 1))
    hidden = images.copy()
    hidden[:, max(top, 0) : bottom] = _to_pixels(images.mean(axis=(1, 2), keepdims=True))
    return hidden


def _each(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([change(image) for image in images])


def _to_pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
