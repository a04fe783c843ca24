"""The model that Keras trains: the network with augmentation, distillation, loss and metrics."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from train.augment import Tensor, augment, mixup
from train.config import Config


class Learner(keras.Model):
    """The network behind the augmentation of one stage; its targets are augmented with the faces."""

    def __init__(
        self, config: Config, stage: int, network: keras.Model, batch: int, teachers: Sequence[keras.Model] = ()
    ) -> None:
        """Wrap a network.

        Args:
            config: the settings.
            stage: index of the stage.
            network: float32 `[n, image_size, image_size, channels]` to the probabilities of each label set; larger
                faces are made smaller for it.
            batch: number of images in a batch.
            teachers: networks whose mean probabilities for the faces that `network` sees become a part of the labels.
        """
        super().__init__(name="learner")
        self._config, self._batch = config, batch
        augmentation = config.augmentation
        self._ranges = augmentation if config.stages[stage].augment else augmentation.only_mirror()
        self.network = network
        self.teachers = list(teachers)
        for teacher in self.teachers:
            teacher.trainable = False
        self.seed = keras.random.SeedGenerator(config.seed + stage)
        names = [f"{label_set}_{figure}" for label_set in config.labels for figure in ("loss", "accuracy")]
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """Return probabilities and targets, float32 `[n, label sets, classes]`, of one batch of `Batches`.

        The ghost batches' operations do not depend on one another, so TensorFlow computes them on all cores; and a
        ghost batch fits into a processor's cache where a batch does not.
        """
        faces = ops.cast(inputs["faces"], "float32") / 255
        parts = zip(self._ghost_batches(faces), self._ghost_batches(inputs["labels"]), strict=True)
        answers = [self._answer(*part) if training else (self._predict(part[0]), part[1]) for part in parts]
        predicted, targets = zip(*answers, strict=True)
        return ops.concatenate(predicted), ops.concatenate(targets)

    def compute_loss(
        self, x: Any, y: Any, y_pred: tuple[Tensor, Tensor], sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Return the sum of the label sets' mean cross entropies; an image without a label in a set costs nothing."""
        return ops.sum(ops.mean(_cross_entropy(*y_pred), axis=0))

    def compute_metrics(self, x: Any, y: Any, y_pred: tuple[Tensor, Tensor], sample_weight: Any = None) -> dict:
        """Update the means over the images that have a label; return them."""
        predicted, targets = y_pred
        figures = {
            "loss": _cross_entropy(predicted, targets),
            "accuracy": ops.cast(ops.equal(ops.argmax(predicted, 2), ops.argmax(targets, 2)), "float32"),
        }
        labelled = ops.cast(ops.sum(targets, axis=2) > 0, "float32")
        for i, label_set in enumerate(self._config.labels):
            for figure, values in figures.items():
                self._means[f"{label_set}_{figure}"].update_state(values[:, i], labelled[:, i])
        return self.get_metrics_result()

    def _ghost_batches(self, values: Tensor) -> list[Tensor]:
        """Split a batch; each device has an equal share of each part."""
        parts = self._config.ghost_batches
        together = ops.reshape(values, (self._batch // parts, parts, *values.shape[1:]))
        return [together[:, i] for i in range(parts)]

    def _answer(self, faces: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and targets of a ghost batch in training."""
        faces = augment(faces, self._ranges, self.seed)
        if self.teachers:
            taught = sum(_probabilities(teacher(faces, training=False)) for teacher in self.teachers)
            labels = mix_labels(labels, taught / len(self.teachers), self._config.teacher_share)
        if alpha := self._ranges.mixup_alpha:
            faces, labels = mixup(faces, labels, alpha, self.seed)
        return self._predict(faces, training=True), labels

    def _predict(self, faces: Tensor, training: bool = False) -> Tensor:
        size = self._config.image_size
        if faces.shape[1] != size:  # the teachers take larger ones
            faces = ops.image.resize(faces, (size, size), antialias=True)
        return _probabilities(self.network(faces, training=training))


def mix_labels(labels: Tensor, taught: Tensor, share: float) -> Tensor:
    """Mix the teachers' probabilities into labels, `[n, label sets, classes]` each; alone where there is no label."""
    labelled = ops.sum(labels, axis=2, keepdims=True) > 0
    return ops.where(labelled, (1 - share) * labels + share * taught, taught)


def _probabilities(outputs: Tensor | list[Tensor]) -> Tensor:
    """Stack the heads' outputs, float32 `[n, label sets, classes]`."""
    return ops.stack([ops.cast(output, "float32") for output in keras.tree.flatten(outputs)], axis=1)


def _cross_entropy(predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the cross entropy of each image and label set, `[n, label sets]`."""
    return -ops.sum(targets * ops.log(ops.maximum(predicted, 1e-7)), axis=2)
