"""Knowledge distillation: labels that are partly the probabilities of teachers (arXiv 1503.02531, 1805.04770)."""

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.base.errors import UserError
from edge.base.files import sha256, whole_file, writing
from edge.model.bundle import MANIFEST, read_manifest
from edge.model.manifest import LabelSet
from train.config import Config
from train.dataset import Labelled, load_labelled
from train.model_loader import LoadedModel, check_classes, check_probabilities, load_models, run_model, run_models


def load_teachers(config: Config) -> list[list[LoadedModel]]:
    """Load the teachers of each label set.

    A run teaches each label set by the model trained on it. A bundle teaches the label set that it was exported for, by
    its first variant, the most exact. A model file teaches all label sets.

    Raises:
        UserError: a teacher is missing or is no model, or a label set has none.
    """
    for path in config.teachers:
        check_classes(Path(path), config.classes)
    return [_load_teachers(config.teachers, label_set) for label_set in config.labels]


def distill(
    training: Labelled, teachers: Sequence[Sequence[LoadedModel]], root: Path, config: Config, cache: Path
) -> Labelled:
    """Mix the teachers' probabilities into the labels of the training split.

    The probabilities are the mean over the teachers, each on a face and its mirror image.

    Args:
        training: the split.
        teachers: the models of each label set.
        root: folder of the data set; each teacher takes the faces at its own size.
        config: `teacher_share` is the weight of the probabilities.
        cache: file of the probabilities, for a resumed run; large teachers take minutes.
    """
    key = " ".join([sha256(training.images.tobytes()), *(teacher.sha256 for of_set in teachers for teacher in of_set)])
    probabilities = _read_cache(cache, key)
    if probabilities is None:
        probabilities = _predict(teachers, root, config)
        with writing(cache), whole_file(cache) as part, part.open("wb") as stream:
            np.savez(stream, key=key, probabilities=probabilities)
    share = config.teacher_share
    labels = ((1 - share) * training.labels + share * probabilities).astype(np.float32)
    return dataclasses.replace(training, labels=labels)


def _load_teachers(paths: Sequence[str], label_set: LabelSet) -> list[LoadedModel]:
    teachers = [_load_teacher(Path(path), label_set) for path in paths if _teaches(Path(path), label_set)]
    if paths and not teachers:
        raise UserError(
            f"none of the teachers {', '.join(paths)} has the label set '{label_set}'", "add one that has it"
        )
    return teachers


def _teaches(path: Path, label_set: LabelSet) -> bool:
    return not (path / MANIFEST).is_file() or read_manifest(path)["labels"] == label_set


def _load_teacher(path: Path, label_set: LabelSet) -> LoadedModel:
    if not path.exists():
        raise UserError(f"{path}: no such teacher", "train or export it first, see docs/training.md")
    return load_models(path / run_model(label_set) if run_models(path) else path)[0]


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
    """Return the probabilities of the training split, float `[n, label sets, classes]`."""
    sizes = {teacher.input_size for of_set in teachers for teacher in of_set}
    faces = {size: load_labelled(root, "train", size, 3, config.labels).images for size in sizes}
    return np.stack([_mean_probabilities(of_set, faces, len(config.classes)) for of_set in teachers], axis=1)


def _mean_probabilities(teachers: Sequence[LoadedModel], faces: dict[int, np.ndarray], classes: int) -> np.ndarray:
    """Average over the teachers and both views, float `[n, classes]`; `faces` are uint8 RGB by their size."""
    found: list[np.ndarray] = []
    for teacher in teachers:
        seen = faces[teacher.input_size]
        views = (seen, np.ascontiguousarray(seen[:, :, ::-1]))
        found += [check_probabilities(teacher.file, teacher.predict(view), classes) for view in views]
    return np.stack(found).mean(axis=0)
