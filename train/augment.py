"""Random augmentation of a batch of faces, on the device, drawn from a generator whose state a resumed run restores."""

import math
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops
from keras.random import SeedGenerator

from train.config import Augmentation

_FINER = 3
"""Enlargement of a face before it is transformed; odd, so that its own pixels are among the samples."""

Tensor: TypeAlias = Any
"""A tensor of the backend in use."""


def augment(faces: Tensor, ranges: Augmentation, seed: SeedGenerator) -> Tensor:
    """Mirror, rotate, scale, shift, relight, blur, erase and add noise to each face by itself.

    Args:
        faces: float32 `[n, size, size, channels]` in [0, 1].
        ranges: of the changes.
        seed: of all draws.

    Returns:
        Faces of the same shape and range.
    """
    if ranges.flip or ranges.rotation or ranges.scale or ranges.shift:
        faces = _affine(faces, ranges, seed)
    if ranges.contrast or ranges.brightness:
        faces = _contrast_and_brightness(faces, ranges, seed)
    if ranges.blur:
        faces = _blur(faces, ranges.blur, seed)
    if ranges.random_erasing:
        faces = _random_erasing(faces, ranges.random_erasing, seed)
    return _add_noise(faces, ranges.noise, seed) if ranges.noise else faces


def mixup(faces: Tensor, labels: Tensor, alpha: float, seed: SeedGenerator) -> tuple[Tensor, Tensor]:
    """Mix each face with the one at the other end of the batch, by weights from Beta(alpha, alpha).

    Args:
        faces: float32 `[n, size, size, channels]`.
        labels: float32 `[n, label sets, classes]`.
        alpha: of the distribution.
        seed: of the draw.

    Returns:
        Faces and labels of the same shapes.
    """
    share = keras.random.beta((faces.shape[0],), alpha, alpha, seed=seed)

    def mixed(values: Tensor) -> Tensor:
        weight = ops.reshape(share, [-1] + [1] * (len(values.shape) - 1))
        return weight * values + (1 - weight) * ops.flip(values, 0)

    return mixed(faces), mixed(labels)


def _uniform(shape: tuple[int, ...], seed: SeedGenerator, low: float = -1.0, high: float = 1.0) -> Tensor:
    return keras.random.uniform(shape, low, high, seed=seed)


def _affine(faces: Tensor, ranges: Augmentation, seed: SeedGenerator) -> Tensor:
    """Transform each face about its centre; pixels outside it repeat the edge.

    Batch normalization adapts to the sharpness of the training faces, and bilinear sampling makes them softer than the
    faces in use. They are first enlarged by cubic interpolation, which keeps edges sharp.
    """
    count, size = faces.shape[:2]
    u = _uniform((5, count, 1), seed)
    angle = u[0] * (ranges.rotation * math.pi / 180)
    scale = 1 + u[1] * ranges.scale
    mirror = ops.sign(u[2]) if ranges.flip else 1.0
    y, x = np.mgrid[:size, :size].reshape(2, 1, -1).astype(np.float32) - (size - 1) / 2
    cos, sin = ops.cos(angle) * scale, ops.sin(angle) * scale
    centre = (size - 1) / 2
    column = cos * mirror * x - sin * y + centre + u[3] * (ranges.shift * size)
    row = sin * mirror * x + cos * y + centre + u[4] * (ranges.shift * size)
    return ops.clip(_sample(_enlarged(faces), row, column), 0.0, 1.0)  # cubic interpolation overshoots at edges


def _enlarged(faces: Tensor) -> Tensor:
    """Enlarge by cubic interpolation, as matrix products; return float32 `[n, channels, finer side, finer side]`."""
    rows = cubic_interpolation(faces.shape[1], _FINER)
    return ops.matmul(ops.matmul(rows, ops.transpose(faces, (0, 3, 1, 2))), rows.T)


def cubic_interpolation(size: int, factor: int) -> np.ndarray:
    """Return the matrix that enlarges a signal by Keys's cubic convolution (1981), float32 `[factor * size, size]`."""
    places = (np.arange(factor * size) + 0.5) / factor - 0.5
    distance = np.abs(places[:, None] - np.arange(size))
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((2.5 - 0.5 * distance) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)  # at the border some samples are missing


def _sample(finer: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Sample enlarged faces bilinearly.

    Args:
        finer: float32 `[n, channels, finer side, finer side]`.
        row: of each sample, in pixels of the face before it was enlarged, `[n, size * size]`.
        column: the same.

    Returns:
        Float32 `[n, size, size, channels]`.
    """
    count, channels, side = finer.shape[:3]
    size = side // _FINER
    offset = (_FINER - 1) / 2  # the middle one of the pixels that one pixel became
    row, column = (ops.clip(_FINER * place + offset, 0.0, side - 1.0) for place in (row, column))
    top, left = (ops.minimum(ops.floor(place), side - 2.0) for place in (row, column))
    down, right = row - top, column - left
    corner = ops.cast(top * side + left, "int32")[..., None]
    pixels = ops.reshape(ops.transpose(finer, (0, 2, 3, 1)), (count, side * side, channels))

    def at(step: int) -> Tensor:
        return ops.take_along_axis(pixels, ops.broadcast_to(corner + step, (count, size * size, channels)), axis=1)

    down, right = down[..., None], right[..., None]
    above = at(0) + right * (at(1) - at(0))
    below = at(side) + right * (at(side + 1) - at(side))
    return ops.reshape(above + down * (below - above), (count, size, size, channels))


def _contrast_and_brightness(faces: Tensor, ranges: Augmentation, seed: SeedGenerator) -> Tensor:
    u = _uniform((2, faces.shape[0], 1, 1, 1), seed)
    mean = _mean(faces)
    faces = (faces - mean) * (1 + u[0] * ranges.contrast) + mean + u[1] * ranges.brightness
    return ops.clip(faces, 0.0, 1.0)


def _blur(faces: Tensor, most: float, seed: SeedGenerator) -> Tensor:
    """Blur half of the faces: up to `most` of each pixel is the mean of its neighbourhood."""
    share = ops.maximum(_uniform((faces.shape[0], 1, 1, 1), seed, -most, most), 0.0)
    blurred = ops.average_pool(ops.average_pool(faces, 3, 1, "same"), 3, 1, "same")
    return faces + share * (blurred - faces)


def _random_erasing(faces: Tensor, probability: float, seed: SeedGenerator) -> Tensor:
    """Replace a rectangle of a tenth to half the side by the face's mean (arXiv 1708.04896)."""
    count, size = faces.shape[:2]
    u = _uniform((5, count, 1), seed, 0.0, 1.0)
    pixels = np.arange(size, dtype=np.float32)[None]
    in_x = ops.abs(pixels - u[0] * size) < (0.05 + 0.2 * u[2]) * size
    in_y = ops.abs(pixels - u[1] * size) < (0.05 + 0.2 * u[3]) * size
    chosen = u[4] < probability
    hidden = ops.logical_and(in_y[:, :, None], ops.logical_and(in_x, chosen)[:, None, :])
    return ops.where(hidden[..., None], _mean(faces), faces)


def _add_noise(faces: Tensor, most: float, seed: SeedGenerator) -> Tensor:
    """Add sensor noise, from none to `most` per face; rounding in a quantized network is noise of this kind, too."""
    deviation = _uniform((faces.shape[0], 1, 1, 1), seed, 0.0, most)
    return ops.clip(faces + deviation * keras.random.normal(faces.shape, seed=seed), 0.0, 1.0)


def _mean(faces: Tensor) -> Tensor:
    return ops.mean(faces, axis=(1, 2, 3), keepdims=True)
