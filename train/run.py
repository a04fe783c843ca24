"""What a training run keeps on disk, written so that a kill at any moment loses at most the current epoch."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge.errors import UserError
from edge.files import whole_file, write_whole
from train.candidates import run_model
from train.config import Config, from_dict
from train.plots import draw_curves

CHECKPOINT, DESCRIPTION, TAUGHT = "checkpoint.npz", "run.json", "taught.npz"


@dataclass(frozen=True)
class Progress:
    """The finished epochs and their figures, oldest first.

    The figures are loss and seconds and, for each kind of label, <kind>_accuracy, val_<kind>_loss and
    val_<kind>_accuracy.
    """

    history: tuple[dict[str, float], ...] = ()

    @property
    def epochs(self) -> int:
        return len(self.history)

    def best(self, kind: str) -> int:
        """Index of the best epoch by a kind of label: highest validation accuracy, the earliest of equals."""
        return int(np.argmax([figures[f"val_{kind}_accuracy"] for figures in self.history]))

    def is_best(self, kind: str) -> bool:
        """Whether the last epoch is the best so far."""
        return self.best(kind) == self.epochs - 1

    def after(self, figures: dict[str, float]) -> "Progress":
        return Progress((*self.history, figures))


def open_run(
    folder: Path, config: Config, fingerprints: dict[str, str], weights: str, teachers: Sequence[str] = ()
) -> None:
    """Describe a new run, or make sure that an old one is the same run.

    Args:
        folder: the run's folder.
        config: all knobs.
        fingerprints: of the data, by split.
        weights: where the network begins; the file's name is kept.
        teachers: sha256 of each model that teaches.

    Raises:
        UserError: the folder belongs to a run with another configuration, data set, starting weights or teachers.
    """
    ours = {"config": config.as_dict(), "data": fingerprints, "weights": Path(weights).name, "teachers": list(teachers)}
    ours = json.loads(json.dumps(ours))  # tuples become lists, as they will be read back
    path = folder / DESCRIPTION
    if not path.exists() or not (folder / CHECKPOINT).exists():  # without an epoch there is nothing to be true to
        write_whole(path, json.dumps(ours, indent=2) + "\n")
        return
    if difference := _difference(json.loads(path.read_text()), ours, ""):
        raise UserError(f"{folder} was begun with {difference}", "name another RUN, or change it back")


def load_description(folder: Path) -> dict[str, Any]:
    """`run.json`: config, data (fingerprint of each split), weights, teachers (sha256 of each).

    Raises:
        UserError: the folder holds no run.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{folder}: no training run here", "train one by 'make train RUN=<name>'")
    return json.loads(path.read_text())


def load_run_config(folder: Path) -> Config:
    """The configuration that the run was begun with."""
    try:
        return from_dict(load_description(folder)["config"])
    except (KeyError, ValueError) as error:
        raise UserError(f"{folder / DESCRIPTION}: {error}", "train the run again with this version") from error


def load_progress(folder: Path) -> Progress:
    """The finished epochs of a run; none where it has only begun."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    with _checkpoint(path) as arrays:
        return Progress(tuple(json.loads(str(arrays["history"]))))


def load_variables(folder: Path, variables: list[tf.Variable]) -> None:
    """Set all variables as the last finished epoch left them."""
    with _checkpoint(folder / CHECKPOINT) as arrays:
        for i, variable in enumerate(variables):
            variable.assign(arrays[str(i)])


def save_progress(folder: Path, config: Config, progress: Progress, variables: list[tf.Variable]) -> None:
    """Keep the state after an epoch. The checkpoint is written last and whole: it decides what has happened."""
    _write_history(folder / "history.csv", progress)
    draw_curves(folder / "curves.png", progress.history, config.labels)
    _write_tensorboard(folder / "tensorboard", progress)
    arrays: dict[str, Any] = {str(i): variable.numpy() for i, variable in enumerate(variables)}
    with whole_file(folder / CHECKPOINT) as part:
        np.savez(part, allow_pickle=False, history=json.dumps(progress.history), **arrays)


def save_model(folder: Path, kind: str, model: keras.Model) -> None:
    """Keep the model that answers with a kind of label."""
    with whole_file(folder / run_model(kind)) as part:
        model.save(part)


def epoch_line(config: Config, progress: Progress) -> str:
    """The epoch's figures for the terminal."""
    f = progress.history[-1]
    kinds = [
        f"{kind} {f[f'{kind}_accuracy']:.2%}, val {f[f'val_{kind}_accuracy']:.2%} (loss {f[f'val_{kind}_loss']:.4f})"
        + (" best so far" if progress.is_best(kind) else "")
        for kind in config.labels
    ]
    return "  ".join(
        [f"epoch {progress.epochs}/{config.epochs}  loss {f['loss']:.4f}", *kinds, f"{f['seconds']:.0f} s"]
    )


@contextmanager
def _checkpoint(path: Path) -> Iterator[Any]:
    """The arrays of a checkpoint; what is read while it is open may turn out damaged, too."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a checkpoint that can be read ({error})", "delete it to begin anew") from error


def _difference(theirs: Any, ours: Any, where: str) -> str:
    """The first place where two descriptions differ, in words; empty when they are equal."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            if found := _difference(theirs.get(key), ours.get(key), f"{where}.{key}" if where else key):
                return found
        return ""
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return next((d for i, (a, b) in pairs if (d := _difference(a, b, f"{where}[{i}]"))), "")
    return "" if theirs == ours else f"{where} = {theirs}, not {ours}"


def _write_history(path: Path, progress: Progress) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", *progress.history[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"epoch": i + 1, **figures} for i, figures in enumerate(progress.history))
    write_whole(path, text.getvalue())


def _write_tensorboard(folder: Path, progress: Progress) -> None:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=progress.epochs):
        for name, value in progress.history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()
