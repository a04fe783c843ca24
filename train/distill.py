"""Teaches a network what others have learnt (knowledge distillation, arXiv 1503.02531; of equals, arXiv 1805.04770)."""

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.bundle import MANIFEST, answers_with, read_manifest
from edge.errors import UserError
from edge.files import whole_file
from train.candidates import Candidate, check_probabilities, open_candidates, run_model, run_models
from train.config import Config, Labels
from train.dataset import Labelled, load_labelled


def open_teachers(config: Config) -> list[list[Candidate]]:
    """The models that teach, for each kind of label.

    A run teaches each kind by the model that has learnt it. A bundle teaches the kind that it answers with, by its
    first variant, which is the most exact. A model file teaches whatever is learnt.

    Raises:
        UserError: nothing is there, it is no model, the run has not learnt a kind, or nobody teaches it.
    """
    return [_open_teachers(config.teachers, kind) for kind in config.labels]


def taught(
    training: Labelled, teachers: Sequence[Sequence[Candidate]], root: Path, config: Config, kept: Path
) -> Labelled:
    """The training split with labels that are in part the teachers' answers.

    A label says what a few people saw; a good teacher says what people see in such faces. The teachers look at each
    face and at its mirror image, unchanged; their mean is what is taught.

    Args:
        training: the split.
        teachers: the models for each kind of label.
        root: the data set's folder; each teacher wants the faces at its own size.
        config: `teacher_share` is the teachers' part of a label.
        kept: file of the answers, for a run that is gone on with; minutes of work for large teachers.
    """
    of = " ".join([training.fingerprint, *(teacher.sha256 for kind in teachers for teacher in kind)])
    answers = _answers_kept(kept, of)
    if answers is None:
        answers = _answers(teachers, root, config)
        with whole_file(kept) as part, part.open("wb") as stream:
            np.savez(stream, of=of, answers=answers)
    share = config.teacher_share
    labels = ((1 - share) * training.labels + share * answers).astype(np.float32)
    return dataclasses.replace(training, labels=labels)


def _open_teachers(paths: Sequence[str], kind: Labels) -> list[Candidate]:
    teachers = [_open_teacher(Path(path), kind) for path in paths if _teaches(Path(path), kind)]
    if paths and not teachers:
        raise UserError(
            f"none of the teachers {', '.join(paths)} answers with the labels of the {kind}", "add one that does"
        )
    return teachers


def _teaches(path: Path, kind: Labels) -> bool:
    return not (path / MANIFEST).is_file() or answers_with(read_manifest(path)) == kind


def _open_teacher(path: Path, kind: Labels) -> Candidate:
    if not path.exists():
        raise UserError(f"{path}: no such teacher", "train or export it first, see docs/training.md")
    return open_candidates(path / run_model(kind) if run_models(path) else path)[0]


def _answers_kept(path: Path, of: str) -> np.ndarray | None:
    """What was kept, where it is of the same teachers and faces."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["answers"] if str(arrays["of"]) == of else None
    except (ValueError, OSError, KeyError, zipfile.BadZipFile):
        return None  # they can be asked again


def _answers(teachers: Sequence[Sequence[Candidate]], root: Path, config: Config) -> np.ndarray:
    """Of each kind's teachers to the faces of the training split, float `[n, kinds, 7]`."""
    sizes = {teacher.input_size for kind in teachers for teacher in kind}
    faces = {size: load_labelled(root, "train", size, 3, config.labels).images for size in sizes}
    return np.stack([_mean_answers(kind, faces) for kind in teachers], axis=1)


def _mean_answers(teachers: Sequence[Candidate], faces: dict[int, np.ndarray]) -> np.ndarray:
    """Over the teachers and both views, float `[n, 7]`; `faces` are uint8 RGB by their size."""
    answers: list[np.ndarray] = []
    for teacher in teachers:
        seen = faces[teacher.input_size]
        views = (seen, np.ascontiguousarray(seen[:, :, ::-1]))
        answers += [check_probabilities(teacher.file, teacher.predict(view)) for view in views]
    return np.stack(answers).mean(axis=0)
