"""Random changes to a batch of training faces, drawn from a seed so that a resumed run repeats them."""

import numpy as np
import tensorflow as tf

from train.config import Augmentation

_FINER = 3
"""Times that a face is enlarged before it is turned; odd, so that its pixels are still there."""


def augment(faces: tf.Tensor, labels: tf.Tensor, knobs: Augmentation, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror, turn, scale, shift, relight, soften, partly hide and roughen faces, each differently; blend pairs.

    Args:
        faces: float32 `[n, size, size, channels]` in [0, 1].
        labels: float32 `[n, kinds, 7]`, distributions over the emotions.
        knobs: the ranges.
        seed: int32 `[2]`; the same seed gives the same faces.

    Returns:
        Faces and labels of the same shapes and ranges.
    """
    seeds = tf.unstack(tf.random.split(seed, 6))
    if knobs.flip or knobs.rotation or knobs.scale or knobs.shift:
        faces = _move(faces, knobs, seeds[0])
    if knobs.contrast or knobs.brightness:
        faces = _relight(faces, knobs, seeds[1])
    if knobs.blur:
        faces = _soften(faces, knobs.blur, seeds[5])
    if knobs.erase:
        faces = _hide(faces, knobs.erase, seeds[2])
    if knobs.noise:
        faces = _roughen(faces, knobs.noise, seeds[4])
    return _blend(faces, labels, knobs.mix, seeds[3]) if knobs.mix else (faces, labels)


def _move(faces: tf.Tensor, knobs: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """One affine transformation a face, about its centre; what comes into view repeats the edge.

    Normalization gets used to how sharp the faces are that it sees, and reading them off between their pixels makes
    them softer than those that will be met. So they are enlarged first, by cubics, which keep what is sharp.
    """
    count, size = tf.shape(faces)[0], faces.shape[1]
    u = tf.random.stateless_uniform((5, count), seed, -1.0, 1.0)
    angle = u[0] * (knobs.rotation * np.pi / 180)
    scale = 1 + u[1] * knobs.scale
    mirror = tf.sign(u[2]) if knobs.flip else tf.ones(count)
    a, b = tf.cos(angle) * scale * mirror, -tf.sin(angle) * scale
    c, d = tf.sin(angle) * scale * mirror, tf.cos(angle) * scale
    centre = (size - 1) / 2
    dx = centre - (a + b) * centre + u[3] * knobs.shift * size
    dy = centre - (c + d) * centre + u[4] * knobs.shift * size
    a, b, dx, c, d, dy = (_FINER * value for value in (a, b, dx, c, d, dy))
    centred = (_FINER - 1) / 2  # of the enlarged pixels that one pixel became, the middle one
    zero = tf.zeros(count)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=_enlarged(faces),
        transforms=tf.stack([a, b, dx + centred, c, d, dy + centred, zero, zero], axis=1),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )
    return tf.clip_by_value(moved, 0.0, 1.0)  # cubics swing over at edges


def _enlarged(faces: tf.Tensor) -> tf.Tensor:
    """By cubics, which are linear: as products with a matrix they take a fourth of the time of the image operation."""
    size, channels = faces.shape[1], faces.shape[3]
    rows = tf.image.resize(np.eye(size, dtype=np.float32)[..., None], [_FINER * size, size], "bicubic")[..., 0]
    planes = tf.reshape(tf.transpose(faces, [0, 3, 1, 2]), [-1, size, size])
    finer = tf.matmul(tf.matmul(rows[None], planes), rows, transpose_b=True)
    return tf.transpose(tf.reshape(finer, [-1, channels, _FINER * size, _FINER * size]), [0, 2, 3, 1])


def _relight(faces: tf.Tensor, knobs: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    u = tf.random.stateless_uniform((2, tf.shape(faces)[0], 1, 1, 1), seed, -1.0, 1.0)
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    faces = (faces - mean) * (1 + u[0] * knobs.contrast) + mean + u[1] * knobs.brightness
    return tf.clip_by_value(faces, 0.0, 1.0)


def _soften(faces: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Half of the faces out of focus or from afar: of each pixel, up to `most` is what its neighbours average."""
    share = tf.random.stateless_uniform((tf.shape(faces)[0], 1, 1, 1), seed, -most, most)
    blurred = tf.nn.avg_pool2d(tf.nn.avg_pool2d(faces, 3, 1, "SAME"), 3, 1, "SAME")
    return faces + tf.maximum(share, 0) * (blurred - faces)


def _hide(faces: tf.Tensor, probability: float, seed: tf.Tensor) -> tf.Tensor:
    """Random erasing (arXiv 1708.04896): a rectangle of a tenth to nearly half the side takes the face's mean."""
    count, size = tf.shape(faces)[0], faces.shape[1]
    u = tf.random.stateless_uniform((5, count, 1), seed)
    centre_x, centre_y = u[0] * size, u[1] * size
    half_width, half_height = (0.05 + 0.18 * u[2]) * size, (0.05 + 0.18 * u[3]) * size
    pixels = tf.range(size, dtype=tf.float32)[None, :]
    in_x, in_y = tf.abs(pixels - centre_x) < half_width, tf.abs(pixels - centre_y) < half_height
    hidden = in_y[:, :, None] & in_x[:, None, :] & (u[4] < probability)[:, :, None]
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    return tf.where(hidden[..., None], mean, faces)


def _roughen(faces: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """A sensor's noise, from none to `most` a face. Rounding to 8 bits in a quantized network is noise of this kind."""
    of_face, of_pixel = tf.unstack(tf.random.split(seed, 2))
    deviation = tf.random.stateless_uniform((tf.shape(faces)[0], 1, 1, 1), of_face, 0.0, most)
    noise = tf.random.stateless_normal(tf.shape(faces), of_pixel)
    return tf.clip_by_value(faces + deviation * noise, 0.0, 1.0)


def _blend(faces: tf.Tensor, labels: tf.Tensor, concentration: float, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each face with the one at the other end of the batch, in shares that are mostly close to all and nothing."""
    gammas = tf.random.stateless_gamma((2, tf.shape(faces)[0]), seed, concentration)
    share = (gammas[0] + 1e-6) / (gammas[0] + gammas[1] + 2e-6)

    def mixed(values: tf.Tensor) -> tf.Tensor:
        weight = tf.reshape(share, [-1] + [1] * (len(values.shape) - 1))
        return weight * values + (1 - weight) * values[::-1]

    return mixed(faces), mixed(labels)
