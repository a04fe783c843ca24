"""Knowledge distillation: labels that are partly the probabilities of teachers (arXiv 1503.02531, 1805.04770).

Runs answer each face as the network sees it, augmented, on the device (function matching, arXiv 2106.05237). Where that
is too slow, answers to the faces themselves take their place: of bundles and model files, or a table of them. A table
is a CSV file with the columns `file` and, for each label set and class, `<label set>_<class>`.
"""

import dataclasses
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from edge.base.errors import UserError
from edge.base.files import file_sha256, sha256, whole_file, writing
from edge.model.bundle import MANIFEST, read_manifest
from edge.model.manifest import LabelSet
from train import run
from train.config import Config
from train.dataset import Labelled, load_labelled, read_rows
from train.learner import mix_labels
from train.model import head_outputs
from train.model_loader import LoadedModel, check_classes, check_probabilities, load_models
from train.trainer import ema_of_run

TABLE = ".csv"
"""Suffix of a table of answers."""


@dataclass(frozen=True)
class Teachers:
    """Teachers of a run: networks, or models and tables.

    Attributes:
        sha256: of each teacher's file, hexadecimal.
        networks: runs' networks, float32 `[n, size, size, channels]` to the probabilities of each label set.
        models: of each label set, for its own answers to the faces and their mirror images.
        tables: files of answers.
    """

    sha256: tuple[str, ...] = ()
    networks: tuple[keras.Model, ...] = ()
    models: tuple[tuple[LoadedModel, ...], ...] = ()
    tables: tuple[Path, ...] = ()

    def view_size(self, config: Config) -> int:
        """Return the side of the faces that are augmented, pixels: the largest that a network or a teacher takes."""
        return max([config.image_size, *(network.input_shape[1] for network in self.networks)])


def load_teachers(config: Config) -> Teachers:
    """Load the teachers of a configuration.

    A run teaches all its label sets by the EMA after its last epoch. A bundle teaches the label set that it was
    exported for, by its first variant, the most exact. A model file teaches all label sets.

    Raises:
        UserError: a teacher is missing or is no model, a label set has none, or there are runs and others.
    """
    if not config.teachers:
        return Teachers()
    paths = [Path(name) for name in config.teachers]
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such teacher", "train or export it first, see docs/training.md")
        check_classes(path, config.classes)
    runs = [path for path in paths if (path / run.DESCRIPTION).is_file()]
    if runs and len(runs) < len(paths):
        others = next(path for path in paths if path not in runs)
        raise UserError(f"{others} is no run, as {runs[0]} is", "name either runs, or bundles, model files and tables")
    if runs:
        hashes = tuple(file_sha256(path / run.CHECKPOINT) for path in runs if run.load_progress(path).epochs)
        return Teachers(hashes, networks=tuple(_network_of_run(path, config) for path in runs))
    tables = tuple(path for path in paths if path.suffix == TABLE)
    models = [path for path in paths if path not in tables]
    of_sets = tuple(tuple(_load_models(models, label_set, any(tables))) for label_set in config.labels)
    hashes = tuple(model.sha256 for of_set in of_sets for model in of_set)
    return Teachers(hashes + tuple(file_sha256(table) for table in tables), models=of_sets, tables=tables)


def distill(training: Labelled, teachers: Teachers, root: Path, config: Config, cache: Path) -> Labelled:
    """Mix the answers of models and tables into the labels of the training split.

    The probabilities are the mean over the teachers; that of a model is its mean over a face and its mirror image.

    Args:
        training: the split.
        teachers: the teachers.
        root: folder of the data set; each model takes the faces at its own size.
        config: `teacher_share` is the weight of the probabilities.
        cache: file of the models' probabilities, for a resumed run; large teachers take minutes.

    Raises:
        UserError: a model's outputs are no probabilities, or a table has no answer for an image.
    """
    answers = [_read_table(table, training.files, config) for table in teachers.tables]
    count = len(teachers.tables) + np.array([len(of_set) for of_set in teachers.models])[:, None]
    total = sum(answers) + _sum_of_models(training, teachers, root, config, cache)
    labels = keras.ops.convert_to_numpy(mix_labels(training.labels, np.float32(total / count), config.teacher_share))
    return dataclasses.replace(training, labels=labels)


def smooth_labels(training: Labelled, config: Config) -> Labelled:
    """Smooth the labels of all label sets but FER+'s, whose votes are soft already."""
    smoothing = np.array([config.label_smoothing * (name != "ferplus") for name in config.labels], np.float32)[:, None]
    labels = training.labels * (1 - smoothing) + training.labels.sum(2, keepdims=True) * smoothing / len(config.classes)
    return dataclasses.replace(training, labels=labels)


def _network_of_run(folder: Path, config: Config) -> keras.Model:
    """Return a run's network with the heads of a configuration, in its order."""
    network = ema_of_run(folder)
    outputs = head_outputs(network)
    if missing := [label_set for label_set in config.labels if label_set not in outputs]:
        raise UserError(f"{folder}: the run has not learnt the label set '{missing[0]}'", "name another teacher")
    if network.input_shape[3] != config.channels:
        raise UserError(f"{folder}: the run's network takes other channels", "name a teacher with the same 'grey'")
    return keras.Model(network.inputs[0], [outputs[label_set] for label_set in config.labels])


def _sum_of_models(training: Labelled, teachers: Teachers, root: Path, config: Config, cache: Path) -> np.ndarray:
    """Return the sum of the models' probabilities, float `[n, label sets, classes]`; they may be in the cache."""
    if not any(teachers.models):
        return np.zeros(training.labels.shape, np.float32)
    # The cache is of these images in this order.
    key = " ".join([sha256(training.images.tobytes()), *teachers.sha256])
    probabilities = _read_cache(cache, key)
    if probabilities is None:
        probabilities = _predict(teachers.models, root, config)
        with writing(cache), whole_file(cache) as part, part.open("wb") as stream:
            np.savez(stream, key=key, probabilities=probabilities)
    return probabilities


def _read_table(path: Path, files: Sequence[str], config: Config) -> np.ndarray:
    """Read the answers of a table, float32 `[n, label sets, classes]`."""
    rows = read_rows(path, [f"{label_set}_{name}" for label_set in config.labels for name in config.classes])
    if missing := [file for file in files if file not in rows]:
        raise UserError(
            f"{path}: no answer for {len(missing)} of {len(files)} images, such as {missing[0]}",
            "name a table that was made for this data set",
        )
    answers = np.stack([rows[file] for file in files]).reshape(len(files), len(config.labels), len(config.classes))
    sums = answers.sum(axis=2)
    if answers.min() < 0 or np.abs(sums - 1).max() > 0.01:  # rounded to some decimals
        wrong = files[int(np.abs(sums - 1).max(axis=1).argmax())]
        raise UserError(f"{path}: the answers for {wrong} are no probabilities", "make the table again")
    return answers / sums[..., None]


def _load_models(paths: Sequence[Path], label_set: LabelSet, has_tables: bool) -> list[LoadedModel]:
    models = [load_models(path)[0] for path in paths if _teaches(path, label_set)]
    if paths and not models and not has_tables:
        names = ", ".join(map(str, paths))
        raise UserError(f"none of the teachers {names} has the label set '{label_set}'", "add one that has it")
    return models


def _teaches(path: Path, label_set: LabelSet) -> bool:
    return not (path / MANIFEST).is_file() or read_manifest(path)["labels"] == label_set


def _read_cache(path: Path, key: str) -> np.ndarray | None:
    """Return the cached probabilities if they are of the same teachers and faces."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["probabilities"] if str(arrays["key"]) == key else None
    except (ValueError, OSError, KeyError, zipfile.BadZipFile):
        return None  # they can be computed again


def _predict(teachers: Sequence[Sequence[LoadedModel]], root: Path, config: Config) -> np.ndarray:
    """Return the sum of the models' probabilities for the training split, float `[n, label sets, classes]`."""
    sizes = {teacher.input_size for of_set in teachers for teacher in of_set}
    faces = {size: load_labelled(root, "train", size, 3, config.labels).images for size in sizes}
    return np.stack([_sum_of_answers(of_set, faces, len(config.classes)) for of_set in teachers], axis=1)


def _sum_of_answers(teachers: Sequence[LoadedModel], faces: dict[int, np.ndarray], classes: int) -> np.ndarray:
    """Add the teachers' means over both views, float `[n, classes]`; `faces` are uint8 RGB by their size."""
    total = np.zeros((len(next(iter(faces.values()))), classes))
    for teacher in teachers:
        seen = faces[teacher.input_size]
        for view in (seen, np.ascontiguousarray(seen[:, :, ::-1])):
            total += check_probabilities(teacher.file, teacher.predict(view), classes) / 2
    return total
