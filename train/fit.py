"""Fine-tunes MobileNetV2 on a data set, resumable to the epoch.

    python -m train.fit --config edge --data data/fer2013 --run runs/edge

A run's folder holds `run.json` (what is trained on what), `checkpoint.npz` (everything a resumed run needs),
`best.keras` (the averaged weights of the best epoch), `history.csv`, `curves.png` and `tensorboard/`.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from edge.emotions import EMOTIONS
from edge.errors import UserError, exit_on_user_error
from train import run
from train.augment import augment
from train.config import Config, Stage, load_config
from train.dataset import Labelled, load_labelled
from train.model import build_network, deployable, load_pretrained


def fit(config: Config, data: Path, folder: Path, weights: str) -> None:
    """Train, or go on with the run in `folder`, until the configuration's last epoch.

    Args:
        config: all knobs.
        data: the data set's root.
        folder: the run's folder; made when it is not there.
        weights: `imagenet`, `none` or a file; see `train.model.load_pretrained`.

    Raises:
        UserError: bad data, weights that do not fit, a run with another configuration, or a loss that exploded.
    """
    training = load_labelled(data, "train", config.image_size, config.channels, config.labels)
    validation = load_labelled(data, "val", config.image_size, config.channels, config.labels)
    run.open_run(folder, config, {"train": training.fingerprint, "val": validation.fingerprint}, weights)
    progress = run.load_progress(folder)
    learner = _restored(config, folder, progress, len(training.images), weights)
    begun = f"going on after epoch {progress.epochs}" if progress.epochs else "a new run"
    print(f"{folder}: {begun}, {config.epochs} epochs in all")
    with _bar(config, len(training.images), progress.epochs) as bar:
        for epoch in range(progress.epochs, config.epochs):
            if (stage := stage_of(config, epoch)) != learner.stage:
                learner = Learner(config, stage, len(training.images), carry=learner)
            started = time.monotonic()
            figures = learner.train_epoch(training, epoch, bar)
            figures |= learner.validate(validation)
            figures |= {"seconds": time.monotonic() - started}
            progress = progress.after(figures)
            if progress.is_best:
                run.save_model(folder, learner.averaged_model())
            run.save_progress(folder, progress, learner.variables())
            bar.write(run.epoch_line(config, progress))


def stage_of(config: Config, epoch: int) -> int:
    """Index of the stage that epoch (from zero) belongs to."""
    ends = np.cumsum([stage.epochs for stage in config.stages])
    return int(np.searchsorted(ends, epoch, side="right"))


class Learner:
    """A network, its optimizer and its averaged weights, for the length of one stage."""

    def __init__(self, config: Config, stage: int, images: int, carry: "Learner | None" = None) -> None:
        """Build a stage's network; the weights, and their average, are those of `carry` where it is given."""
        self.config, self.stage = config, stage
        self._steps = _steps(config, images)
        knobs = config.stages[stage]
        # By stage: a resumed run has built fewer networks before this one, and must draw the same numbers.
        keras.utils.set_random_seed(config.seed + stage)
        self._mixed = config.mixed_precision and bool(tf.config.list_physical_devices("GPU"))
        with _precision("mixed_float16" if self._mixed else "float32"):
            self.network = build_network(config, knobs.resolution)
        if carry:
            self.network.set_weights(carry.network.get_weights())
        self._average = [tf.Variable(w, trainable=False) for w in self.network.weights]
        if carry:
            for ours, theirs in zip(self._average, carry._average, strict=True):
                ours.assign(theirs)
        self._averaged = build_network(config, knobs.resolution)
        self._deployable = deployable(self._averaged)
        self.network.get_layer("backbone").trainable = knobs.train_backbone
        self._optimizer = _optimizer(config, knobs, self._steps * knobs.epochs)
        if self._mixed:  # small gradients would vanish in 16 bits
            self._optimizer = keras.optimizers.LossScaleOptimizer(self._optimizer)
        self._optimizer.build(self.network.trainable_variables)
        self._step_function = tf.function(self._step, reduce_retracing=True)

    def start_from(self, weights: str) -> None:
        """Put pretrained weights into the backbone, and the average at the start."""
        load_pretrained(self.network, self.config, weights)
        for average, weight in zip(self._average, self.network.weights, strict=True):
            average.assign(weight)

    def variables(self) -> list[tf.Variable]:
        """All state, in a fixed order: network (with its dropout's generators), optimizer, average."""
        return [*self.network.variables, *self._optimizer.variables, *self._average]

    def train_epoch(self, training: Labelled, epoch: int, bar: tqdm) -> dict[str, float]:
        """One pass in an order and with changes that depend on seed and epoch alone; mean loss and accuracy."""
        weights = _class_weights(training.labels) if self.config.class_weights else np.ones(len(EMOTIONS), np.float32)
        losses, hits = [], []
        for step, (faces, targets) in enumerate(_batches(self.config, training, epoch, self._steps)):
            loss, hit = self._step_function(faces, targets, tf.constant(weights))
            losses.append(float(loss))
            hits.append(float(hit))
            if not np.isfinite(losses[-1]):
                raise UserError(
                    f"the loss became {losses[-1]} in epoch {epoch + 1}, batch {step + 1}",
                    "lower learning_rate and train again; the last finished epoch is kept",
                )
            bar.update()
        return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(hits))}

    def validate(self, validation: Labelled) -> dict[str, float]:
        """Loss and accuracy of the averaged weights on faces as they are."""
        probabilities = self.averaged_model().predict(_rgb(validation.images), batch_size=256, verbose=0)
        labels = validation.labels
        cross_entropy = -(labels * np.log(np.clip(probabilities, 1e-7, 1))).sum(axis=1)
        hits = probabilities.argmax(axis=1) == labels.argmax(axis=1)
        return {"val_loss": float(cross_entropy.mean()), "val_accuracy": float(hits.mean())}

    def averaged_model(self) -> keras.Model:
        """The deployable model with the averaged weights (or the plain ones where averaging is off)."""
        source = self._average if self.config.average else self.network.weights
        self._averaged.set_weights([w.numpy() for w in source])
        return self._deployable

    def _step(self, faces: tf.Tensor, targets: tf.Tensor, class_weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            probabilities = self.network(faces, training=True)
            cross_entropy = keras.losses.categorical_crossentropy(
                targets, probabilities, label_smoothing=self.config.label_smoothing
            )
            loss = tf.reduce_mean(cross_entropy * tf.linalg.matvec(targets, class_weights))
            scaled = self._optimizer.scale_loss(loss)
        trainable = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(scaled, [v.value for v in trainable]), trainable)
        self._update_average()
        hits = tf.equal(tf.argmax(probabilities, axis=1), tf.argmax(targets, axis=1))
        return loss, tf.reduce_mean(tf.cast(hits, tf.float32))

    def _update_average(self) -> None:
        """Exponential moving average, shorter at first so that the random head is soon forgotten."""
        step = tf.cast(self._optimizer.iterations.value, tf.float32)
        decay = tf.minimum(self.config.average, (1 + step) / (10 + step))
        for average, weight in zip(self._average, self.network.weights, strict=True):
            average.assign_sub((1 - decay) * (average - weight.value))


def _restored(config: Config, folder: Path, progress: run.Progress, images: int, weights: str) -> Learner:
    """The learner as the last finished epoch left it, or one at the start."""
    learner = Learner(config, stage_of(config, max(progress.epochs - 1, 0)), images)
    if progress.epochs:
        run.load_variables(folder, learner.variables())
    else:
        learner.start_from(weights)
    return learner


def _batches(config: Config, training: Labelled, epoch: int, steps: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """An epoch's augmented batches: float32 faces in [0, 1] and label distributions."""
    images, labels = training.images, training.labels
    order = np.random.default_rng([config.seed, epoch]).permutation(len(images))
    batch = len(images) // steps if len(images) < config.batch_size else config.batch_size
    order = order[: steps * batch].reshape(steps, batch)

    def prepare(step: tf.Tensor, faces: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([config.seed, tf.cast(step, tf.int32) + epoch * steps])
        return augment(tf.cast(faces, tf.float32) / 255, config.augmentation, seed), targets

    def gather() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        for step, chosen in enumerate(order):
            yield step, images[chosen], labels[chosen]

    signature = (
        tf.TensorSpec((), tf.int32),
        tf.TensorSpec((batch, *images.shape[1:]), tf.uint8),
        tf.TensorSpec((batch, labels.shape[1]), tf.float32),
    )
    stream = tf.data.Dataset.from_generator(gather, output_signature=signature)
    return iter(stream.map(prepare, num_parallel_calls=1).prefetch(4))


def _optimizer(config: Config, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    warmup = max(1, int(steps * config.warmup))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.01, warmup_target=stage.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    # Normalization and biases have no scale that decay could keep small.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Layers that are built inside compute as the policy says; what is saved is always built in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _class_weights(labels: np.ndarray) -> np.ndarray:
    """float32 `[7]`: inverse root of each class's share, so that the mean over the images is one."""
    share = labels.mean(axis=0)
    weights = 1 / np.sqrt(np.maximum(share, 1e-6))
    return (weights / (weights * share).sum()).astype(np.float32)


def _rgb(images: np.ndarray) -> np.ndarray:
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def _steps(config: Config, images: int) -> int:
    """Whole batches an epoch; the few images left over are others in each epoch."""
    return max(1, images // config.batch_size)


def _bar(config: Config, images: int, done: int) -> tqdm:
    steps = _steps(config, images)
    interval = 0.1 if sys.stderr.isatty() else 30  # a log file wants a line now and then
    return tqdm(total=config.epochs * steps, initial=done * steps, unit="batch", mininterval=interval)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m train.fit", description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="edge", help="a preset (seed, edge) or a TOML file")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="the imported data set")
    parser.add_argument("--run", type=Path, help="the run's folder; an unfinished run goes on (default: runs/CONFIG)")
    parser.add_argument("--weights", default="imagenet", help="imagenet, none, or a Keras no-top weights file")
    arguments = parser.parse_args()
    folder = arguments.run or Path("runs") / Path(arguments.config).stem
    for number in (signal.SIGINT, signal.SIGTERM):  # also where whoever started us ignores the former
        signal.signal(number, signal.default_int_handler)
    try:
        fit(load_config(arguments.config), arguments.data, folder, arguments.weights)
    except KeyboardInterrupt:
        print(
            f"\nstopped; the finished epochs are kept, and the same command goes on with {folder}",
            file=sys.stderr,
        )
        return 130
    print(f"{folder}: done")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
