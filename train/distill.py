"""Teaches a small network what larger ones have learnt (knowledge distillation, arXiv 1503.02531)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.candidates import Candidate, open_candidates
from train.config import Config
from train.dataset import Labelled, load_labelled


def open_teachers(paths: Sequence[str]) -> list[Candidate]:
    """The models that teach: of a bundle its first variant, which is the most exact, of the others what they name.

    Raises:
        UserError: nothing is there, or it is no model.
    """
    return [open_candidates(Path(path))[0] for path in paths]


def taught(training: Labelled, teachers: Sequence[Candidate], root: Path, config: Config) -> Labelled:
    """The training split with labels that are in part the teachers' answers.

    A label says what a few people saw; a good teacher says what people see in such faces. The teachers look at each
    face and at its mirror image, unchanged; their mean is what is taught.

    Args:
        training: the split, with one kind of label.
        teachers: the models.
        root: the data set's folder; each teacher wants the faces at its own size.
        config: `teacher_share` is the teachers' part of a label.
    """
    answers: list[np.ndarray] = []
    for teacher in teachers:
        faces = load_labelled(root, "train", teacher.input_size, 3, config.labels).images
        answers += [teacher.predict(faces), teacher.predict(np.ascontiguousarray(faces[:, :, ::-1]))]
    share = config.teacher_share
    mean = np.stack(answers).mean(axis=0)[:, None]
    labels = ((1 - share) * training.labels + share * mean).astype(np.float32)
    return dataclasses.replace(training, labels=labels)
