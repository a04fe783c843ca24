"""Training step, EMA of the weights and validation of one stage."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from edge.base.errors import UserError
from edge.model.manifest import LabelSet
from train import run
from train.config import Config, Stage
from train.dataset import Labelled
from train.input_pipeline import steps_per_epoch
from train.mobilenet import transfer_weights
from train.model import build_network, copy_weights, deployable, transfer_heads
from train.model_loader import predict_keras
from train.pretrained import load_pretrained

DIVERGED = 8.0
"""Loss of a head from which training does not recover: chance costs 1.9, certain and wrong answers 16."""


class Trainer:
    """Network, optimizer and EMA of the weights for one stage."""

    def __init__(self, config: Config, stage: int, images: int, previous: "Trainer | None" = None) -> None:
        """Build a stage's network; its weights and their EMA start from those of `previous`, if given."""
        self.config, self.stage = config, stage
        settings = config.stages[stage]
        # Seeded by stage: a resumed run has built fewer networks before this one, and must draw the same numbers.
        keras.utils.set_random_seed(config.seed + stage)
        self._mixed = config.mixed_precision and bool(tf.config.list_physical_devices("GPU"))
        form = {"batch_norm": settings.batch_norm, "training": True}
        with _precision("mixed_float16" if self._mixed else "float32"):
            self.network = build_network(config, settings.resolution, **form)
        self.ema = build_network(config, settings.resolution, **form)
        copy_weights(previous.network if previous else self.network, self.network)
        copy_weights(previous.ema if previous else self.network, self.ema)
        self._plain = build_network(config, settings.resolution)
        self._deployable = {name: deployable(self._plain, name) for name in config.labels}
        self._predict = tf.function(lambda faces: tf.stack(tf.nest.flatten(self._plain(faces)), axis=1))
        self.network.get_layer("backbone").trainable = settings.train_backbone
        self._optimizer = _optimizer(config, settings, steps_per_epoch(config, images) * settings.epochs)
        if self._mixed:  # small gradients would underflow in 16 bits
            self._optimizer = keras.optimizers.LossScaleOptimizer(self._optimizer)
        self._optimizer.build(self.network.trainable_variables)
        self._step_function = tf.function(self._step, reduce_retracing=True)

    def initialize(self, weights: str) -> None:
        """Load pretrained weights into the backbone, or all that fits of another run; the EMA starts from them."""
        if weights == "none":
            return
        if Path(weights).is_dir():
            source = _ema_of_run(Path(weights), self.config)
            transfer_heads(source, self.network)
        else:
            source = build_network(self.config, self.config.image_size, batch_norm=True)
            load_pretrained(source, self.config, weights)
        transfer_weights(source.get_layer("backbone"), self.network.get_layer("backbone"))
        copy_weights(self.network, self.ema)

    def variables(self) -> list[tf.Variable]:
        """Return all state in a fixed order: network (with its dropout's generators), optimizer, EMA."""
        return [*self.network.variables, *self._optimizer.variables, *self.ema.weights]

    def train_epoch(self, batches: Iterable[tuple[tf.Tensor, tf.Tensor]], epoch: int, bar: tqdm) -> dict[str, float]:
        """Train on each batch; return the mean loss and each head's accuracy.

        Raises:
            UserError: the loss diverged.
        """
        losses, hits = [], []
        for step, (faces, targets) in enumerate(batches):
            loss, hit = self._step_function(faces, targets)
            losses.append(float(loss))
            hits.append(hit.numpy())
            if not losses[-1] < DIVERGED * len(self.config.labels):  # NaN compares false
                raise diverged(f"the loss became {losses[-1]:.3g} in epoch {epoch + 1}, batch {step + 1}")
            bar.update()
        accuracies = dict(zip(self.config.labels, np.mean(hits, axis=0).tolist(), strict=True))
        return {"loss": float(np.mean(losses)), **{f"{name}_accuracy": value for name, value in accuracies.items()}}

    def validate(self, validation: Labelled) -> dict[str, float]:
        """Return loss and accuracy of the EMA on unchanged faces, by label set."""
        self._refresh()
        faces = validation.images.astype(np.float32) / 255
        predicted = predict_keras(self._predict, faces)  # [n, label sets, classes]
        figures: dict[str, float] = {}
        for i, name in enumerate(self.config.labels):
            labelled = validation.labels[:, i].sum(axis=1) > 0
            probabilities, labels = predicted[labelled, i], validation.labels[labelled, i]
            cross_entropy = -(labels * np.log(np.clip(probabilities, 1e-7, 1))).sum(axis=1)
            hits = probabilities.argmax(axis=1) == labels.argmax(axis=1)
            figures |= {f"val_{name}_loss": float(cross_entropy.mean()), f"val_{name}_accuracy": float(hits.mean())}
        return figures

    def finite(self) -> bool:
        """Return True if all weights are finite: the loss need not show it, since ReLU may turn NaN into zero."""
        return all(bool(tf.reduce_all(tf.math.is_finite(weight.value))) for weight in self.network.weights)

    def ema_model(self, label_set: LabelSet) -> keras.Model:
        """Return the deployable model of a label set with the EMA's weights (the network's where EMA is disabled)."""
        self._refresh()
        return self._deployable[label_set]

    def _refresh(self) -> None:
        copy_weights(self.ema if self.config.ema_decay else self.network, self._plain)

    def _step(self, faces: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one optimizer step; return the loss and each head's share of hits."""
        trainable, count = self.network.trainable_variables, self.config.ghost_batches
        parts = zip(tf.split(faces, count), tf.split(targets, count), strict=True)
        # The ghost batches' operations do not depend on one another, so TensorFlow computes them on all cores; and a
        # ghost batch fits into a processor's cache where a batch does not.
        losses, hits, gradients = zip(*(self._gradients(*part, trainable) for part in parts), strict=True)
        mean_gradients = [tf.add_n(of_variable) / count for of_variable in zip(*gradients, strict=True)]
        self._optimizer.apply(mean_gradients, trainable)
        self._update_ema()
        return tf.reduce_mean(losses), tf.reduce_mean(hits, axis=0)

    def _gradients(
        self, faces: tf.Tensor, targets: tf.Tensor, trainable: list[keras.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Return loss, hits and gradients of a ghost batch."""
        with tf.GradientTape() as tape:
            outputs = [tf.cast(output, tf.float32) for output in tf.nest.flatten(self.network(faces, training=True))]
            loss = tf.add_n([_cross_entropy(targets[:, i], output) for i, output in enumerate(outputs)])
            scaled = self._optimizer.scale_loss(loss)
        predicted = tf.argmax(tf.stack(outputs, axis=1), axis=2)
        hits = tf.cast(tf.equal(predicted, tf.argmax(targets, axis=2)), tf.float32)
        return loss, tf.reduce_mean(hits, axis=0), tape.gradient(scaled, [v.value for v in trainable])

    def _update_ema(self) -> None:
        """Update the EMA; its decay is ramped up, so that the random head is soon forgotten."""
        step = tf.cast(self._optimizer.iterations.value, tf.float32)
        decay = tf.minimum(self.config.ema_decay, (1 + step) / (10 + step))
        for ema, weight in zip(self.ema.weights, self.network.weights, strict=True):
            ema.value.assign_sub((1 - decay) * (ema.value - weight.value))


def diverged(problem: str) -> UserError:
    """Return the error for a training that cannot go on."""
    return UserError(problem, "lower learning_rate and train again; the last finished epoch is kept")


def _ema_of_run(folder: Path, config: Config) -> keras.Model:
    """Return the EMA after a run's last epoch, to initialize a run of another configuration.

    Raises:
        UserError: there is no run with a finished epoch, or its backbone does not fit.
    """
    theirs, progress = run.load_run_config(folder), run.load_progress(folder)
    if not progress.epochs:
        raise UserError(f"{folder}: the run has no finished epoch", "train it first")
    stage = theirs.stage_at(progress.epochs - 1)
    _check_fits(folder, theirs, theirs.stages[stage], config)
    trainer = Trainer(theirs, stage, images=1)
    run.load_variables(folder, trainer.variables())
    return trainer.ema


def _check_fits(folder: Path, theirs: Config, last: Stage, config: Config) -> None:
    """Refuse a run whose backbone cannot initialize the first stage of a configuration."""
    first = config.stages[0]
    if theirs.alpha < config.alpha or theirs.grey != config.grey:
        known = f"alpha = {theirs.alpha}, grey = {theirs.grey}".lower()
        raise UserError(
            f"{folder}: the run's network is narrower or has other input channels ({known})", "start from another run"
        )
    if theirs.uses_folded_2x_stem(last.resolution) and not config.uses_folded_2x_stem(first.resolution):
        raise UserError(
            f"{folder}: the run's last resolution is twice its image_size, which changes the first convolution",
            f"set resolution = {2 * config.image_size} in the first stage, or start from another run",
        )
    if first.batch_norm and not last.batch_norm:
        raise UserError(
            f"{folder}: the run ended without batch normalization", "set batch_norm = false in the first stage"
        )


def _optimizer(config: Config, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    warmup = max(1, int(steps * config.warmup_fraction))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.01, warmup_target=stage.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    # Normalization and biases have no scale that decay could keep small.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Set the dtype policy of layers that are built inside; what is saved is always built in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _cross_entropy(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Return the mean over the images; those without a label in this set have zero targets and cost nothing."""
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.math.log(tf.maximum(probabilities, 1e-7)), axis=1))
