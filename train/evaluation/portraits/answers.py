"""Answers of the edge to portraits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.settings import Options, Smoothing
from edge.faces.baseline import BASELINE_SECONDS, MIN_READINGS, PersonalBaseline, log_odds
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult
from edge.faces.smoother import Smoother
from edge.sources.frame import Frame
from edge.sources.pictures import read_image
from edge.sources.pixels import BgrPixels
from train.evaluation.portraits.folder import POSES, Person

HAPPY = EMOTIONS.index("happy")
SINGLE = Smoothing(time_constant=0)
"""Smoothing of single pictures: none."""

Recognize = Callable[[np.ndarray], FaceResult | None]
"""Returns the main face of a picture, uint8 BGR `[h, w, 3]`."""


@dataclass(frozen=True)
class Answers:
    """Answers to both pictures of n people, the neutral ones first.

    Attributes:
        labels: int `[2, n]`, -1 where there is no label or no face.
        scores: float `[2, n]`, log(happy/neutral); NaN where there is no face that can be read.
        with_baseline: int `[2, n]`, the labels after the neutral picture was shown as the person's first seconds, see
            `edge.faces.baseline`; -1 where there is no label or no neutral face.
    """

    labels: np.ndarray
    scores: np.ndarray
    with_baseline: np.ndarray

    def of(self, people: np.ndarray) -> "Answers":
        """Return the answers for some people, by a mask or by indices."""
        return Answers(self.labels[:, people], self.scores[:, people], self.with_baseline[:, people])


def edge_recognizer(bundle: Path) -> Recognize:
    """Return the edge's recognizer, from detection to label, with the int8 model of a bundle.

    Raises:
        UserError: the bundle is invalid, has other classes, or cannot be run.
    """
    recognizer = Recognizer.from_options(Options(model=bundle, smoothing=SINGLE))
    if recognizer.classes != EMOTIONS:
        problem = f"{bundle}: portraits need the seven emotions, and the classes are {', '.join(recognizer.classes)}"
        raise UserError(problem, "name a bundle of the emotions, such as models/default")

    def recognize(image: np.ndarray) -> FaceResult | None:
        faces = recognizer.recognize(Frame(0.0, BgrPixels(image), "portrait", 0.0)).faces
        return faces[0] if faces else None

    return recognize


def answer(people: Sequence[Person], recognize: Recognize) -> Answers:
    """Classify both pictures of each person.

    Raises:
        UserError: a picture cannot be read, or no face is found in any picture of a pose.
    """
    faces = [[recognize(read_image(person.pictures[pose])) for pose in POSES] for person in people]
    for pose, found in zip(POSES, zip(*faces, strict=True), strict=True):
        if not any(found):
            folder = people[0].pictures[pose].parent
            raise UserError(f"{folder}: no face is found in any picture", "name a folder of portraits")
    return Answers(
        labels=np.array([[_label(face) for face in pair] for pair in faces]).T,
        scores=np.array([[_score(face) for face in pair] for pair in faces]).T,
        with_baseline=np.array([_with_baseline(*pair) for pair in faces]).T,
    )


def _label(face: FaceResult | None) -> int:
    return -1 if face is None or face.label is None else face.label


def _score(face: FaceResult | None) -> float:
    return np.nan if face is None or face.probabilities is None else float(log_odds(face.probabilities)[HAPPY])


def _with_baseline(neutral: FaceResult | None, smiling: FaceResult | None) -> tuple[int, int]:
    """Show the neutral face for as long as a baseline takes, then label both faces."""
    if neutral is None or neutral.probabilities is None:
        return -1, -1
    baseline = PersonalBaseline()
    for time in np.linspace(0, BASELINE_SECONDS, 2 * MIN_READINGS + 1):
        baseline.learn(1, neutral.probabilities, neutral.label, float(time))
    return _relabelled(baseline, neutral), _relabelled(baseline, smiling)


def _relabelled(baseline: PersonalBaseline, face: FaceResult | None) -> int:
    if face is None or face.label is None or face.probabilities is None:
        return -1
    label = Smoother(SINGLE, 1.0).update(1, baseline.correct(1, face.probabilities), 0.0)[1]
    return -1 if label is None else label
