"""Input pipeline: batches of unchanged faces, as Keras takes them; they are augmented on the device."""

import keras
import numpy as np

from train import devices
from train.config import Config
from train.dataset import Labelled

Batch = tuple[dict[str, np.ndarray]]
"""`faces`, uint8 `[n, size, size, channels]`, and `labels`, float32 `[n, label sets, classes]`."""

NO_IMAGE = -1
"""In an order of images: no image, only a place in a batch."""


class Batches(keras.utils.PyDataset):
    """Batches of a split in a given order; each of several processes gets its share of every batch."""

    def __init__(self, split: Labelled, order: np.ndarray) -> None:
        """Take a split and an order.

        Args:
            split: the images and labels.
            order: int `[batches, batch]`, indices of images; `NO_IMAGE` gives a black face without labels. It may be
                replaced before each epoch.
        """
        super().__init__()
        self._split, self.order = split, order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Batch:
        chosen = np.split(self.order[index], devices.processes())[devices.process()]
        faces, labels = self._split.images[chosen], self._split.labels[chosen]
        faces[chosen == NO_IMAGE] = 0
        labels[chosen == NO_IMAGE] = 0
        return ({"faces": faces, "labels": labels},)


def batch_size(config: Config, images: int) -> int:
    """Return the number of images in a batch: fewer than configured where there are not so many."""
    step = granularity(config)
    return min(config.batch_size, images) // step * step


def granularity(config: Config) -> int:
    """Return what a batch is a multiple of: each device gets an equal share of each ghost batch."""
    return config.ghost_batches * devices.count()


def steps_per_epoch(config: Config, images: int) -> int:
    """Return the number of whole batches; the order of the images decides which few are left out of an epoch."""
    return max(1, images // config.batch_size)


def training_order(config: Config, images: int, epoch: int) -> np.ndarray:
    """Draw an epoch's order, int `[steps, batch]`; seed and epoch decide it."""
    steps, size = steps_per_epoch(config, images), batch_size(config, images)
    order = np.random.default_rng([config.seed, epoch]).permutation(images)
    return order[: steps * size].reshape(steps, size)


def whole_order(images: int, size: int) -> np.ndarray:
    """Return the order that shows each image once, int `[steps, size]`; the last batch is filled up with `NO_IMAGE`."""
    return np.pad(np.arange(images), (0, -images % size), constant_values=NO_IMAGE).reshape(-1, size)
