"""Random augmentation of a batch of faces, drawn from a seed so that a resumed run repeats it."""

import numpy as np
import tensorflow as tf

from train.config import Augmentation

_FINER = 3
"""Enlargement of a face before it is transformed; odd, so that its own pixels are among the samples."""


def augment(faces: tf.Tensor, labels: tf.Tensor, ranges: Augmentation, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror, rotate, scale, shift, relight, blur, erase and add noise to each face by itself; mix pairs.

    Args:
        faces: float32 `[n, size, size, channels]` in [0, 1].
        labels: float32 `[n, label sets, classes]`, distributions over the classes.
        ranges: of the changes.
        seed: int32 `[2]`; the same seed gives the same faces.

    Returns:
        Faces and labels of the same shapes and ranges.
    """
    affine_seed, light_seed, erasing_seed, mixup_seed, noise_seed, blur_seed = tf.unstack(tf.random.split(seed, 6))
    if ranges.flip or ranges.rotation or ranges.scale or ranges.shift:
        faces = _affine(faces, ranges, affine_seed)
    if ranges.contrast or ranges.brightness:
        faces = _contrast_and_brightness(faces, ranges, light_seed)
    if ranges.blur:
        faces = _blur(faces, ranges.blur, blur_seed)
    if ranges.random_erasing:
        faces = _random_erasing(faces, ranges.random_erasing, erasing_seed)
    if ranges.noise:
        faces = _add_noise(faces, ranges.noise, noise_seed)
    return _mixup(faces, labels, ranges.mixup_alpha, mixup_seed) if ranges.mixup_alpha else (faces, labels)


def _affine(faces: tf.Tensor, ranges: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Transform each face about its centre; pixels outside it repeat the edge.

    Batch normalization adapts to the sharpness of the training faces, and bilinear sampling makes them softer than the
    faces in use. They are first enlarged by cubic interpolation, which keeps edges sharp.
    """
    count, size = tf.shape(faces)[0], faces.shape[1]
    u = tf.random.stateless_uniform((5, count), seed, -1.0, 1.0)
    angle = u[0] * (ranges.rotation * np.pi / 180)
    scale = 1 + u[1] * ranges.scale
    mirror = tf.sign(u[2]) if ranges.flip else tf.ones(count)
    a, b = tf.cos(angle) * scale * mirror, -tf.sin(angle) * scale
    c, d = tf.sin(angle) * scale * mirror, tf.cos(angle) * scale
    centre = (size - 1) / 2
    dx = centre - (a + b) * centre + u[3] * ranges.shift * size
    dy = centre - (c + d) * centre + u[4] * ranges.shift * size
    a, b, dx, c, d, dy = (_FINER * value for value in (a, b, dx, c, d, dy))
    centred = (_FINER - 1) / 2  # the middle one of the pixels that one pixel became
    zero = tf.zeros(count)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=_enlarged(faces),
        transforms=tf.stack([a, b, dx + centred, c, d, dy + centred, zero, zero], axis=1),
        output_shape=[size, size],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )
    return tf.clip_by_value(moved, 0.0, 1.0)  # cubic interpolation overshoots at edges


def _enlarged(faces: tf.Tensor) -> tf.Tensor:
    """Enlarge by cubic interpolation as matrix products, in a fourth of the time of the image operation."""
    size, channels = faces.shape[1], faces.shape[3]
    rows = tf.image.resize(np.eye(size, dtype=np.float32)[..., None], [_FINER * size, size], "bicubic")[..., 0]
    planes = tf.reshape(tf.transpose(faces, [0, 3, 1, 2]), [-1, size, size])
    finer = tf.matmul(tf.matmul(rows[None], planes), rows, transpose_b=True)
    return tf.transpose(tf.reshape(finer, [-1, channels, _FINER * size, _FINER * size]), [0, 2, 3, 1])


def _contrast_and_brightness(faces: tf.Tensor, ranges: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    u = tf.random.stateless_uniform((2, tf.shape(faces)[0], 1, 1, 1), seed, -1.0, 1.0)
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    faces = (faces - mean) * (1 + u[0] * ranges.contrast) + mean + u[1] * ranges.brightness
    return tf.clip_by_value(faces, 0.0, 1.0)


def _blur(faces: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Blur half of the faces: up to `most` of each pixel is the mean of its neighbourhood."""
    share = tf.random.stateless_uniform((tf.shape(faces)[0], 1, 1, 1), seed, -most, most)
    blurred = tf.nn.avg_pool2d(tf.nn.avg_pool2d(faces, 3, 1, "SAME"), 3, 1, "SAME")
    return faces + tf.maximum(share, 0) * (blurred - faces)


def _random_erasing(faces: tf.Tensor, probability: float, seed: tf.Tensor) -> tf.Tensor:
    """Replace a rectangle of a tenth to nearly half the side by the face's mean (arXiv 1708.04896)."""
    count, size = tf.shape(faces)[0], faces.shape[1]
    u = tf.random.stateless_uniform((5, count, 1), seed)
    centre_x, centre_y = u[0] * size, u[1] * size
    half_width, half_height = (0.05 + 0.18 * u[2]) * size, (0.05 + 0.18 * u[3]) * size
    pixels = tf.range(size, dtype=tf.float32)[None, :]
    in_x, in_y = tf.abs(pixels - centre_x) < half_width, tf.abs(pixels - centre_y) < half_height
    hidden = in_y[:, :, None] & in_x[:, None, :] & (u[4] < probability)[:, :, None]
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    return tf.where(hidden[..., None], mean, faces)


def _add_noise(faces: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Add sensor noise, from none to `most` per face; rounding in a quantized network is noise of this kind, too."""
    of_face, of_pixel = tf.unstack(tf.random.split(seed, 2))
    deviation = tf.random.stateless_uniform((tf.shape(faces)[0], 1, 1, 1), of_face, 0.0, most)
    noise = tf.random.stateless_normal(tf.shape(faces), of_pixel)
    return tf.clip_by_value(faces + deviation * noise, 0.0, 1.0)


def _mixup(faces: tf.Tensor, labels: tf.Tensor, concentration: float, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each face with the one at the other end of the batch, by weights from Beta(concentration, concentration)."""
    gammas = tf.random.stateless_gamma((2, tf.shape(faces)[0]), seed, concentration)
    share = (gammas[0] + 1e-6) / (gammas[0] + gammas[1] + 2e-6)

    def mixed(values: tf.Tensor) -> tf.Tensor:
        weight = tf.reshape(share, [-1] + [1] * (len(values.shape) - 1))
        return weight * values + (1 - weight) * values[::-1]

    return mixed(faces), mixed(labels)
