"""Input pipeline: augmented batches of an epoch, prepared while the previous ones are trained on."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from train.augment import augment
from train.config import Config
from train.dataset import Labelled


def steps_per_epoch(config: Config, images: int) -> int:
    """Return the number of whole batches; the order of the images decides which few are left out of an epoch."""
    return max(1, images // config.batch_size)


def batches(config: Config, training: Labelled, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Generate an epoch's augmented batches.

    Args:
        config: the settings.
        training: the images and labels.
        epoch: from zero; with the configuration's seed it decides the order and every random change.

    Yields:
        float32 faces in [0, 1], `[n, size, size, channels]`, and float32 label distributions, `[n, label sets, 7]`.
    """
    images, labels = training.images, training.labels
    steps = steps_per_epoch(config, len(images))
    batch = min(config.batch_size, len(images) // config.ghost_batches * config.ghost_batches)
    order = np.random.default_rng([config.seed, epoch]).permutation(len(images))
    order = order[: steps * batch].reshape(steps, batch)
    stage = config.stages[config.stage_at(epoch)]
    ranges = config.augmentation if stage.augment else config.augmentation.only_mirror()
    smoothing = np.array([config.label_smoothing * (name != "ferplus") for name in config.labels], np.float32)[:, None]

    def prepare(step: tf.Tensor, faces: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([config.seed, tf.cast(step, tf.int32) + epoch * steps])
        targets = targets * (1 - smoothing) + smoothing / len(config.classes)
        return augment(tf.cast(faces, tf.float32) / 255, targets, ranges, seed)

    def gather() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        for step, chosen in enumerate(order):
            yield step, images[chosen], labels[chosen]

    signature = (
        tf.TensorSpec((), tf.int32),
        tf.TensorSpec((batch, *images.shape[1:]), tf.uint8),
        tf.TensorSpec((batch, *labels.shape[1:]), tf.float32),
    )
    stream = tf.data.Dataset.from_generator(gather, output_signature=signature)
    return iter(stream.map(prepare, num_parallel_calls=1).prefetch(4))
