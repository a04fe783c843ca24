"""Fine-tunes MobileNetV2 on a data set, resumable to the epoch.

    python -m train.fit --config edge --data data/fer2013 --run runs/edge

A run's folder holds `run.json` (configuration, data and initial weights), `checkpoint.npz` (all state of a resumed
run), `best-<label set>.keras` (the EMA of the best epoch), `history.csv`, `curves.png` and `tensorboard/`; with
teachers, `teacher_probabilities.npz`.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

import msgspec
import tensorflow as tf
from tqdm import tqdm

from edge.app.arguments import whole_number
from edge.base.errors import UserError, exit_on_user_error
from train import run
from train.config import Config, load_config, presets
from train.dataset import Labelled, available_labels, load_labelled, read_classes
from train.input_pipeline import batches, steps_per_epoch
from train.teachers import distill, load_teachers
from train.trainer import Trainer, diverged


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
    training, validation = (
        load_labelled(data, split, config.image_size, config.channels, config.labels) for split in ("train", "val")
    )
    if len(training.images) < config.ghost_batches:
        raise UserError(
            f"{data}: {len(training.images)} training images, fewer than ghost_batches = {config.ghost_batches}",
            "train on more images",
        )
    teachers = load_teachers(config)
    fingerprints = {"train": training.fingerprint, "val": validation.fingerprint}
    run.open_run(folder, config, fingerprints, weights, [t.sha256 for of_set in teachers for t in of_set])
    if config.teachers:
        training = distill(training, teachers, data, config, folder / run.TEACHER_PROBABILITIES)
    progress = run.load_progress(folder)
    trainer = _restore(config, folder, progress, len(training.images), weights)
    begun = f"resuming after epoch {progress.epochs}" if progress.epochs else "a new run"
    print(f"{folder}: {begun}, {config.epochs} epochs in all, labels of {' and '.join(config.labels)}")
    with _progress_bar(config, len(training.images), progress.epochs) as bar:
        for epoch in range(progress.epochs, config.epochs):
            if (stage := config.stage_at(epoch)) != trainer.stage:
                trainer = Trainer(config, stage, len(training.images), previous=trainer)
            progress = progress.after(_train_and_validate(trainer, training, validation, epoch, bar))
            for label_set in config.labels:
                if progress.is_best(label_set):
                    run.save_model(folder, label_set, trainer.ema_model(label_set))
            run.save_progress(folder, config, progress, trainer.variables())
            bar.write(run.epoch_line(config, progress))


def limit_threads() -> None:
    """Give each operation one thread, before TensorFlow computes anything: ghost batches already use all cores."""
    tf.config.threading.set_intra_op_parallelism_threads(1)


def _restore(config: Config, folder: Path, progress: run.Progress, images: int, weights: str) -> Trainer:
    """Return the trainer after the last finished epoch, or a new one."""
    trainer = Trainer(config, config.stage_at(max(progress.epochs - 1, 0)), images)
    if progress.epochs:
        run.load_variables(folder, trainer.variables())
    else:
        trainer.initialize(weights)
    return trainer


def _train_and_validate(
    trainer: Trainer, training: Labelled, validation: Labelled, epoch: int, bar: tqdm
) -> dict[str, float]:
    started = time.monotonic()
    figures = trainer.train_epoch(batches(trainer.config, training, epoch), epoch, bar)
    figures |= trainer.validate(validation)
    if not trainer.finite():
        raise diverged(f"after epoch {epoch + 1}, weights are not finite")
    return figures | {"seconds": time.monotonic() - started}


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
    arguments = parser.parse_args()
    folder = arguments.run or Path("runs") / Path(arguments.config).stem
    for number in (signal.SIGINT, signal.SIGTERM):  # also where the parent process ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    limit_threads()
    try:
        config = load_config(arguments.config)
        if arguments.seed is not None:
            config = msgspec.structs.replace(config, seed=arguments.seed)
        fit(config, arguments.data, folder, arguments.weights)
    except KeyboardInterrupt:
        print(f"\nstopped; the finished epochs are kept, the same command resumes {folder}", file=sys.stderr)
        return 130
    print(f"{folder}: done")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
