"""Files of a training run, written so that a kill at any moment loses at most the current epoch."""

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from edge.base.errors import UserError
from edge.base.files import whole_file, write_whole, writing
from train.config import Config, from_dict
from train.model_loader import run_model
from train.plots import draw_curves

CHECKPOINT, DESCRIPTION, TEACHER_PROBABILITIES = "checkpoint.npz", "run.json", "teacher_probabilities.npz"


@dataclass(frozen=True)
class Progress:
    """The finished epochs and their figures, oldest first.

    The figures are loss and seconds and, for each label set, <label set>_accuracy, val_<label set>_loss and
    val_<label set>_accuracy.
    """

    history: tuple[dict[str, float], ...] = ()

    @property
    def epochs(self) -> int:
        return len(self.history)

    def best(self, label_set: str) -> int:
        """Return the index of the epoch with the highest validation accuracy, the earliest of equals."""
        return int(np.argmax([figures[f"val_{label_set}_accuracy"] for figures in self.history]))

    def is_best(self, label_set: str) -> bool:
        """Return True if the last epoch is the best so far."""
        return self.best(label_set) == self.epochs - 1

    def after(self, figures: dict[str, float]) -> "Progress":
        """Append an epoch."""
        return Progress((*self.history, figures))


def open_run(
    folder: Path, config: Config, fingerprints: dict[str, str], weights: str, teachers: Sequence[str] = ()
) -> None:
    """Describe a new run, or check that an existing one has the same description.

    Args:
        folder: the run's folder.
        config: of the run.
        fingerprints: of the data, by split.
        weights: initial weights; the file's name is kept.
        teachers: sha256 of each.

    Raises:
        UserError: the folder belongs to a run with another configuration, data set, starting weights or teachers.
    """
    ours = {"config": config.as_dict(), "data": fingerprints, "weights": Path(weights).name, "teachers": list(teachers)}
    ours = json.loads(json.dumps(ours))  # tuples become lists, as they will be read back
    path = folder / DESCRIPTION
    if not path.exists() or not (folder / CHECKPOINT).exists():  # a run without an epoch may change
        write_whole(path, json.dumps(ours, indent=2) + "\n")
        return
    if difference := _difference(json.loads(path.read_text()), ours, ""):
        raise UserError(f"{folder} was started with {difference}", "name another RUN, or change it back")


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
    """Read the configuration of a run."""
    try:
        return from_dict(load_description(folder)["config"])
    except (KeyError, ValueError) as error:
        raise UserError(f"{folder / DESCRIPTION}: {error}", "train the run again with this version") from error


def load_progress(folder: Path) -> Progress:
    """Read the finished epochs of a run."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return Progress()
    with _checkpoint(path) as arrays:
        return Progress(tuple(json.loads(str(arrays["history"]))))


def load_variables(folder: Path, variables: list[keras.Variable]) -> None:
    """Restore all variables after the last finished epoch."""
    with _checkpoint(folder / CHECKPOINT) as arrays:
        for i, variable in enumerate(variables):
            variable.assign(arrays[str(i)])


def save_progress(folder: Path, config: Config, progress: Progress, variables: list[keras.Variable]) -> None:
    """Save the state after an epoch. The checkpoint is replaced last and atomically: it decides which epochs count."""
    _write_history(folder / "history.csv", progress)
    draw_curves(folder / "curves.png", progress.history, config.labels)
    _write_tensorboard(folder / "tensorboard", progress)
    arrays: dict[str, Any] = {str(i): keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
    with writing(folder / CHECKPOINT), whole_file(folder / CHECKPOINT) as part:
        np.savez(part, allow_pickle=False, history=json.dumps(progress.history), **arrays)


def save_model(folder: Path, label_set: str, model: keras.Model) -> None:
    """Save the model of a label set."""
    with writing(folder / run_model(label_set)), whole_file(folder / run_model(label_set)) as part:
        model.save(part)


def epoch_line(config: Config, progress: Progress) -> str:
    """Format the last epoch's figures for the terminal."""
    figures = progress.history[-1]
    of_sets = []
    for name in config.labels:
        best = " best so far" if progress.is_best(name) else ""
        accuracy, validation = figures[f"{name}_accuracy"], figures[f"val_{name}_accuracy"]
        of_sets.append(f"{name} {accuracy:.2%}, val {validation:.2%} (loss {figures[f'val_{name}_loss']:.4f}){best}")
    head = f"epoch {progress.epochs}/{config.epochs}  loss {figures['loss']:.4f}"
    return "  ".join([head, *of_sets, f"{figures['seconds']:.0f} s"])


@contextmanager
def _checkpoint(path: Path) -> Iterator[Any]:
    """Open a checkpoint; its arrays are read, and may prove damaged, while it is open."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not a checkpoint that can be read ({error})", "delete it to start the run again"
        ) from error


def _difference(theirs: Any, ours: Any, where: str) -> str:
    """Describe the first difference of two descriptions; empty if they are equal."""
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
    values = [Summary.Value(tag=name, simple_value=value) for name, value in progress.history[-1].items()]
    writer = EventFileWriter(str(folder))
    writer.add_event(Event(wall_time=time.time(), step=progress.epochs, summary=Summary(value=values)))
    writer.close()
