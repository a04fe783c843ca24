"""Fine-tunes MobileNetV2 on a data set, resumable to the epoch.

    python -m train.fit --config edge --data data/fer2013 --run runs/edge

A run's folder holds `run.json` (what is trained on what), `checkpoint.npz` (everything a resumed run needs),
`best-<labels>.keras` (the averaged weights of the best epoch), `history.csv`, `curves.png` and `tensorboard/`; where
there are teachers, `taught.npz` (their answers).
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterable, Iterator
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
from train.candidates import predict_keras
from train.config import Config, Labels, Stage, load_config, presets
from train.dataset import Labelled, load_labelled
from train.distill import open_teachers, taught
from train.mobilenet import carry_weights
from train.model import build_network, carry_heads, copy_weights, deployable
from train.pretrained import load_pretrained

EXPLODED = 8.0
"""A head's loss that no step leads back from: guessing costs 1.9, being sure and wrong about everything 16."""


def fit(config: Config, data: Path, folder: Path, weights: str) -> None:
    """Train, or go on with the run in `folder`, until the configuration's last epoch.

    Args:
        config: all knobs.
        data: the data set's root.
        folder: the run's folder; made when it is not there.
        weights: `imagenet`, `none` or a file, see `train.pretrained.load_pretrained`; or the folder of a run whose
            backbone is as wide or wider, and whose heads are taken over where they fit.

    Raises:
        UserError: bad data, weights that do not fit, a run with another configuration, or a loss that exploded.
    """
    training = load_labelled(data, "train", config.image_size, config.channels, config.labels)
    if len(training.images) < config.shards:
        raise UserError(f"{data}: {len(training.images)} images for {config.shards} shards", "train on more images")
    teachers = open_teachers(config)
    validation = load_labelled(data, "val", config.image_size, config.channels, config.labels)
    fingerprints = {"train": training.fingerprint, "val": validation.fingerprint}
    run.open_run(folder, config, fingerprints, weights, [t.sha256 for kind in teachers for t in kind])
    if config.teachers:
        training = taught(training, teachers, data, config, folder / run.TAUGHT)
    progress = run.load_progress(folder)
    learner = _restored(config, folder, progress, len(training.images), weights)
    begun = f"going on after epoch {progress.epochs}" if progress.epochs else "a new run"
    print(f"{folder}: {begun}, {config.epochs} epochs in all")
    with _bar(config, len(training.images), progress.epochs) as bar:
        for epoch in range(progress.epochs, config.epochs):
            if (stage := config.stage_at(epoch)) != learner.stage:
                learner = Learner(config, stage, len(training.images), carry=learner)
            started = time.monotonic()
            figures = learner.train_epoch(batches(config, training, epoch), epoch, bar)
            figures |= learner.validate(validation)
            if not learner.finite():
                raise _exploded(f"after epoch {epoch + 1}, weights are no numbers any more")
            figures |= {"seconds": time.monotonic() - started}
            progress = progress.after(figures)
            for kind in config.labels:
                if progress.is_best(kind):
                    run.save_model(folder, kind, learner.averaged_model(kind))
            run.save_progress(folder, config, progress, learner.variables())
            bar.write(run.epoch_line(config, progress))


def limit_threads() -> None:
    """Before TensorFlow computes anything: shards run side by side, and cores that share an operation as well wait."""
    tf.config.threading.set_intra_op_parallelism_threads(1)


def steps_an_epoch(config: Config, images: int) -> int:
    """Whole batches an epoch; the few images left over are others in each epoch."""
    return max(1, images // config.batch_size)


def batches(config: Config, training: Labelled, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """An epoch's augmented batches.

    Args:
        config: the knobs.
        training: the images.
        epoch: from zero; with the seed it decides the order and every change.

    Yields:
        float32 faces in [0, 1], `[n, size, size, channels]`, and float32 label distributions, `[n, kinds, 7]`.
    """
    images, labels = training.images, training.labels
    steps = steps_an_epoch(config, len(images))
    batch = min(config.batch_size, len(images) // config.shards * config.shards)
    order = np.random.default_rng([config.seed, epoch]).permutation(len(images))
    order = order[: steps * batch].reshape(steps, batch)
    stage = config.stages[config.stage_at(epoch)]
    knobs = config.augmentation if stage.augment else config.augmentation.only_mirror()
    smoothing = np.array([config.label_smoothing if kind == "folder" else 0 for kind in config.labels], np.float32)

    def prepare(step: tf.Tensor, faces: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([config.seed, tf.cast(step, tf.int32) + epoch * steps])
        targets = targets * (1 - smoothing[:, None]) + smoothing[:, None] / len(EMOTIONS)
        return augment(tf.cast(faces, tf.float32) / 255, targets, knobs, seed)

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


class Learner:
    """A network, its optimizer and its averaged weights, for the length of one stage."""

    def __init__(self, config: Config, stage: int, images: int, carry: "Learner | None" = None) -> None:
        """Build a stage's network; the weights, and their average, are those of `carry` where it is given."""
        self.config, self.stage = config, stage
        knobs = config.stages[stage]
        # By stage: a resumed run has built fewer networks before this one, and must draw the same numbers.
        keras.utils.set_random_seed(config.seed + stage)
        self._mixed = config.mixed_precision and bool(tf.config.list_physical_devices("GPU"))
        form = {"normalized": knobs.normalize, "learning": True}
        with _precision("mixed_float16" if self._mixed else "float32"):
            self.network = build_network(config, knobs.resolution, **form)
        self.average = build_network(config, knobs.resolution, **form)
        copy_weights(carry.network if carry else self.network, self.network)
        copy_weights(carry.average if carry else self.network, self.average)
        self._plain = build_network(config, knobs.resolution)
        self._deployable = {kind: deployable(self._plain, kind) for kind in config.labels}
        self._answer = tf.function(lambda faces: tf.stack(tf.nest.flatten(self._plain(faces)), axis=1))
        self.network.get_layer("backbone").trainable = knobs.train_backbone
        self._optimizer = _optimizer(config, knobs, steps_an_epoch(config, images) * knobs.epochs)
        if self._mixed:  # small gradients would vanish in 16 bits
            self._optimizer = keras.optimizers.LossScaleOptimizer(self._optimizer)
        self._optimizer.build(self.network.trainable_variables)
        self._step_function = tf.function(self._step, reduce_retracing=True)

    def start_from(self, weights: str) -> None:
        """Put pretrained weights into the backbone, or into all that fits what a run has learnt; the average, too."""
        if weights == "none":
            return
        if Path(weights).is_dir():
            source = _learnt(Path(weights), self.config)
            carry_heads(source, self.network)
        else:
            source = self._published(weights)
        carry_weights(source.get_layer("backbone"), self.network.get_layer("backbone"))
        copy_weights(self.network, self.average)

    def _published(self, weights: str) -> keras.Model:
        network = build_network(self.config, self.config.image_size, normalized=True)
        load_pretrained(network, self.config, weights)
        return network

    def variables(self) -> list[tf.Variable]:
        """All state, in a fixed order: network (with its dropout's generators), optimizer, average."""
        return [*self.network.variables, *self._optimizer.variables, *self.average.weights]

    def train_epoch(self, batches: Iterable[tuple[tf.Tensor, tf.Tensor]], epoch: int, bar: tqdm) -> dict[str, float]:
        """A step for each batch; mean loss and accuracies."""
        losses, hits = [], []
        for step, (faces, targets) in enumerate(batches):
            loss, hit = self._step_function(faces, targets)
            losses.append(float(loss))
            hits.append(hit.numpy())
            if not losses[-1] < EXPLODED * len(self.config.labels):  # NaN is not less than anything
                raise _exploded(f"the loss became {losses[-1]:.3g} in epoch {epoch + 1}, batch {step + 1}")
            bar.update()
        accuracies = {
            f"{kind}_accuracy": float(share)
            for kind, share in zip(self.config.labels, np.mean(hits, axis=0), strict=True)
        }
        return {"loss": float(np.mean(losses)), **accuracies}

    def validate(self, validation: Labelled) -> dict[str, float]:
        """Loss and accuracy of the averaged weights on faces as they are, by each kind of label."""
        self._refresh()
        faces = validation.images.astype(np.float32) / 255
        answers = predict_keras(self._answer, faces)  # [n, kinds, 7]
        figures: dict[str, float] = {}
        for i, kind in enumerate(self.config.labels):
            shown = validation.labels[:, i].sum(axis=1) > 0
            probabilities, labels = answers[shown, i], validation.labels[shown, i]
            cross_entropy = -(labels * np.log(np.clip(probabilities, 1e-7, 1))).sum(axis=1)
            hits = probabilities.argmax(axis=1) == labels.argmax(axis=1)
            figures |= {f"val_{kind}_loss": float(cross_entropy.mean()), f"val_{kind}_accuracy": float(hits.mean())}
        return figures

    def finite(self) -> bool:
        """Whether all weights are numbers: ReLU may take NaN for zero, so that no loss need show it."""
        return all(bool(tf.reduce_all(tf.math.is_finite(weight.value))) for weight in self.network.weights)

    def averaged_model(self, kind: Labels) -> keras.Model:
        """The deployable model of a kind of label with the averaged weights (plain ones where averaging is off)."""
        self._refresh()
        return self._deployable[kind]

    def _refresh(self) -> None:
        copy_weights(self.average if self.config.average else self.network, self._plain)

    def _step(self, faces: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One step of the optimizer; the loss, and the share of hits of each head."""
        trainable = self.network.trainable_variables
        shards = zip(tf.split(faces, self.config.shards), tf.split(targets, self.config.shards), strict=True)
        # Nothing connects one shard's operations with another's, so TensorFlow computes them on all cores at a time;
        # and a shard fits into a processor's cache where a batch does not.
        losses, hits, gradients = zip(*(self._shard(*shard, trainable) for shard in shards), strict=True)
        self._optimizer.apply(
            [tf.add_n(parts) / self.config.shards for parts in zip(*gradients, strict=True)], trainable
        )
        self._update_average()
        return tf.reduce_mean(losses), tf.reduce_mean(hits, axis=0)

    def _shard(
        self, faces: tf.Tensor, targets: tf.Tensor, trainable: list[keras.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            answers = [tf.cast(answer, tf.float32) for answer in tf.nest.flatten(self.network(faces, training=True))]
            loss = tf.add_n([_cross_entropy(targets[:, i], answer) for i, answer in enumerate(answers)])
            scaled = self._optimizer.scale_loss(loss)
        predicted = tf.argmax(tf.stack(answers, axis=1), axis=2)
        hits = tf.cast(tf.equal(predicted, tf.argmax(targets, axis=2)), tf.float32)
        return loss, tf.reduce_mean(hits, axis=0), tape.gradient(scaled, [v.value for v in trainable])

    def _update_average(self) -> None:
        """Exponential moving average, shorter at first so that the random head is soon forgotten."""
        step = tf.cast(self._optimizer.iterations.value, tf.float32)
        decay = tf.minimum(self.config.average, (1 + step) / (10 + step))
        for average, weight in zip(self.average.weights, self.network.weights, strict=True):
            average.value.assign_sub((1 - decay) * (average.value - weight.value))


def _learnt(folder: Path, config: Config) -> keras.Model:
    """The averaged network of a run's last epoch, for another configuration to go on with its backbone.

    Raises:
        UserError: there is no run with an epoch, or its backbone has another form.
    """
    theirs, progress = run.load_run_config(folder), run.load_progress(folder)
    if not progress.epochs:
        raise UserError(f"{folder}: the run has not finished an epoch", "train it first")
    if theirs.alpha < config.alpha or theirs.grey != config.grey:
        known = f"alpha {theirs.alpha}, grey {theirs.grey}".lower()
        raise UserError(
            f"{folder}: the run's network is narrower or sees otherwise ({known})", "start from another one"
        )
    ended = theirs.stage_at(progress.epochs - 1)
    last, first = theirs.stages[ended], config.stages[0]
    if theirs.sees_own_grid(last.resolution) and not config.sees_own_grid(first.resolution):
        raise UserError(
            f"{folder}: the run ended at twice the size of its faces, where the first convolution is another",
            f"begin at a resolution of {2 * config.image_size}, or start from another one",
        )
    if first.normalize and not last.normalize:
        raise UserError(f"{folder}: the run ended without normalization", "set normalize = false in the first stage")
    learner = Learner(theirs, ended, images=1)
    run.load_variables(folder, learner.variables())
    return learner.average


def _exploded(what: str) -> UserError:
    return UserError(what, "lower learning_rate and train again; the last finished epoch is kept")


def _restored(config: Config, folder: Path, progress: run.Progress, images: int, weights: str) -> Learner:
    """The learner as the last finished epoch left it, or one at the start."""
    learner = Learner(config, config.stage_at(max(progress.epochs - 1, 0)), images)
    if progress.epochs:
        run.load_variables(folder, learner.variables())
    else:
        learner.start_from(weights)
    return learner


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


def _cross_entropy(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Mean over the images; those without a label of this kind, whose targets are zero, cost nothing."""
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.math.log(tf.maximum(probabilities, 1e-7)), axis=1))


def _bar(config: Config, images: int, done: int) -> tqdm:
    steps = steps_an_epoch(config, images)
    interval = 0.1 if sys.stderr.isatty() else 30  # a log file wants a line now and then
    return tqdm(total=config.epochs * steps, initial=done * steps, unit="batch", mininterval=interval)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m train.fit", description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="edge", help=f"a preset ({', '.join(presets())}) or a TOML file")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="the imported data set")
    parser.add_argument("--run", type=Path, help="the run's folder; an unfinished run goes on (default: runs/CONFIG)")
    parser.add_argument(
        "--weights", default="imagenet", help="imagenet, none, a Keras no-top weights file, or a run to go on from"
    )
    arguments = parser.parse_args()
    folder = arguments.run or Path("runs") / Path(arguments.config).stem
    for number in (signal.SIGINT, signal.SIGTERM):  # also where whoever started us ignores the former
        signal.signal(number, signal.default_int_handler)
    limit_threads()
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
