"""Trains a network on a data set, resumable to the epoch, by Keras on any of its backends' devices.

    python -m train.fit --config edge --data data/fer2013 --run runs/edge

A run's folder holds `run.json` (configuration, data and initial weights), `checkpoint.npz` (all state of a resumed
run), `best-<label set>.keras` (the EMA of the best epoch), `history.csv`, `curves.png` and `tensorboard/`; with
teachers, `teacher_probabilities.npz`.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import keras
from tqdm import tqdm

from edge.app.arguments import whole_number
from edge.base.errors import UserError, exit_on_user_error
from train import devices, run
from train.config import Config, from_dict, load_config, presets
from train.dataset import Labelled, available_labels, load_labelled, read_classes
from train.input_pipeline import granularity, steps_per_epoch
from train.teachers import distill, load_teachers, smooth_labels
from train.trainer import DIVERGED, Trainer, diverged

CHECKED_EVERY = 20
"""Batches between two looks at the loss."""


class EndOfEpoch(keras.callbacks.Callback):
    """Validates after each epoch, saves what a resumed run needs, and stops a run that diverges."""

    def __init__(self, trainer: Trainer, validation: Labelled, folder: Path, progress: run.Progress, bar: tqdm) -> None:
        """Continue the progress of a run; `progress` is replaced after each epoch."""
        super().__init__()
        self._trainer, self._validation, self._folder, self._bar = trainer, validation, folder, bar
        self.progress = progress

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Count the batch; look at the loss now and then only, since a look waits for the accelerator."""
        self._bar.update()
        if batch % CHECKED_EVERY == 0:
            self._check(logs["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Validate the EMA and write the run's files.

        Raises:
            UserError: the loss or the weights are not finite, or the loss has diverged.
        """
        self._check(logs["loss"])
        trainer, config = self._trainer, self._trainer.config
        figures = {"loss": float(logs["loss"])}
        figures |= {f"{name}_accuracy": float(logs[f"{name}_accuracy"]) for name in config.labels}
        figures |= trainer.validate(self._validation)
        if not trainer.finite():
            raise diverged(f"after epoch {epoch + 1}, weights are not finite")
        self.progress = self.progress.after(figures | {"seconds": time.monotonic() - self._started})
        self._save()

    def _check(self, loss: float) -> None:
        if not float(loss) < DIVERGED * len(self._trainer.config.labels):  # NaN compares false
            raise diverged(f"the loss became {float(loss):.3g} in epoch {self.progress.epochs + 1}")

    def _save(self) -> None:
        trainer, config = self._trainer, self._trainer.config
        # All processes compute together, also what one of them writes.
        best = {name: trainer.ema_model(name) for name in config.labels if self.progress.is_best(name)}
        if devices.process():
            return
        for label_set, model in best.items():
            run.save_model(self._folder, label_set, model)
        run.save_progress(self._folder, config, self.progress, trainer.variables())
        self._bar.write(run.epoch_line(config, self.progress))


def fit(config: Config, data: Path, folder: Path, weights: str) -> None:
    """Train to the configuration's last epoch, or resume the run in `folder`.

    Args:
        config: the settings.
        data: root of the data set.
        folder: of the run; it is made if it does not exist.
        weights: `imagenet`, `none` or a file, see `train.pretrained.load_pretrained`; or the folder of a run whose
            backbone is at least as wide, and whose heads are taken over where they fit.

    Raises:
        UserError: bad data, weights that do not fit, a run of another configuration, or a loss that diverged.
    """
    config = config.learning(read_classes(data), available_labels(data))
    teachers = load_teachers(config)
    training = load_labelled(data, "train", teachers.view_size(config), config.channels, config.labels)
    validation = load_labelled(data, "val", config.image_size, config.channels, config.labels)
    _check_batch(config, data, len(training.images))
    fingerprints = {"train": training.fingerprint, "val": validation.fingerprint}
    run.open_run(folder, config, fingerprints, weights, teachers.sha256)
    training = smooth_labels(training, config)
    if teachers.models or teachers.tables:
        training = distill(training, teachers, data, config, folder / run.TEACHER_PROBABILITIES)
    progress = run.load_progress(folder)
    trainer = _restore(config, folder, progress, len(training.images), weights, teachers.networks)
    begun = f"resuming after epoch {progress.epochs}" if progress.epochs else "a new run"
    print(f"{folder}: {begun}, {config.epochs} epochs in all, labels of {' and '.join(config.labels)}")
    with _progress_bar(config, len(training.images), progress.epochs) as bar:
        while progress.epochs < config.epochs:
            if (stage := config.stage_at(progress.epochs)) != trainer.stage:
                trainer = Trainer(config, stage, len(training.images), trainer, teachers.networks)
            end_of_epoch = EndOfEpoch(trainer, validation, folder, progress, bar)
            trainer.fit(training, progress.epochs, config.end_of(stage), [end_of_epoch])
            progress = end_of_epoch.progress


def _check_batch(config: Config, data: Path, images: int) -> None:
    if images < (least := granularity(config)):
        raise UserError(
            f"{data}: {images} training images, fewer than {least}, one for each ghost batch and device",
            "train on more images",
        )
    if config.batch_size % least:
        raise UserError(
            f"batch_size = {config.batch_size} is no multiple of {least}, the ghost batches times the devices",
            "set another batch_size, or use fewer devices",
        )


def _restore(
    config: Config,
    folder: Path,
    progress: run.Progress,
    images: int,
    weights: str,
    teachers: Sequence[keras.Model],
) -> Trainer:
    """Return the trainer after the last finished epoch, or a new one."""
    trainer = Trainer(config, config.stage_at(max(progress.epochs - 1, 0)), images, teachers=teachers)
    if progress.epochs:
        run.load_variables(folder, trainer.variables())
    else:
        trainer.initialize(weights)
    return trainer


def _progress_bar(config: Config, images: int, done: int) -> tqdm:
    steps = steps_per_epoch(config, images)
    interval = 0.1 if sys.stderr.isatty() else 30  # seconds; a log file needs few lines
    return tqdm(total=config.epochs * steps, initial=done * steps, unit="batch", mininterval=interval)


def main() -> int:
    """Train from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.fit", description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="edge", help=f"a preset ({', '.join(presets())}) or a TOML file")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="the imported data set")
    parser.add_argument(
        "--run", type=Path, help="folder of the run; an unfinished run is resumed (default: runs/CONFIG)"
    )
    parser.add_argument(
        "--weights", default="imagenet", help="initial weights: imagenet, none, a Keras no-top file, or a run's folder"
    )
    parser.add_argument("--seed", type=whole_number(0), help="instead of the configuration's")
    parser.add_argument(
        "--teachers", nargs="*", metavar="PATH", help="instead of the configuration's; none without PATH"
    )
    arguments = parser.parse_args()
    folder = arguments.run or Path("runs") / Path(arguments.config).stem
    for number in (signal.SIGINT, signal.SIGTERM):  # also where the parent process ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    # One thread for each operation: ghost batches already use all cores. TensorFlow reads it when it starts.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    try:
        devices.use_all()
        changes = {name: value for name in ("seed", "teachers") if (value := getattr(arguments, name)) is not None}
        config = from_dict(load_config(arguments.config).as_dict() | changes)
        fit(config, arguments.data, folder, arguments.weights)
    except KeyboardInterrupt:
        print(f"\nstopped; the finished epochs are kept, the same command resumes {folder}", file=sys.stderr)
        return 130
    print(f"{folder}: done")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
