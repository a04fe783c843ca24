"""How often other packages are right about the same crops, scored by the evaluation that scores our own models."""

import logging
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.base.bootstrap import Interval, lead
from benchmarks.base.record import Partial
from benchmarks.measure.accuracy import Examination, score_answers
from benchmarks.peers.lineup import LONG_TIME_OUT, OURS, Contestant, Lineup
from edge.emotions import EMOTIONS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeerAccuracy:
    """One package on one split; shares as in `benchmarks.measure.accuracy.Accuracy`.

    Attributes:
        name: the package, or `emotion-edge`.
        version: of the package; the variant's name for our own.
        images: how many there were.
        accuracy: against the folders' classes.
        macro_f1: against the folders' classes.
        crowd_images: images with a clear majority of the crowd, None without votes.
        crowd_accuracy: against that majority.
        crowd_macro_f1: against that majority.
        lead: by how much `accuracy` of our own is higher on these images, and the interval had they been others.
        crowd_lead: the same of `crowd_accuracy`, None without votes.
    """

    name: str
    version: str
    images: int
    accuracy: float
    macro_f1: float
    crowd_images: int | None
    crowd_accuracy: float | None
    crowd_macro_f1: float | None
    lead: Interval
    crowd_lead: Interval | None


def measure_peer_accuracy(lineup: Lineup, examination: Examination, cores: int) -> Partial:
    """Let everybody answer every image, each with its own preprocessing, in a process of its environment.

    Args:
        lineup: who takes part.
        examination: the images and what is right.
        cores: that a process may use; the answers are the same with any number.

    Returns:
        A `PeerAccuracy` of each, and why others are missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder) / "faces.npy"
        np.save(faces, examination.split.images)
        results, gaps = lineup.in_turns("peers-accuracy", partial(_answers, faces), [cores], 1)
    answers = {contestant: found for (contestant, _), (found,) in results.items()}
    (ours,) = (found for contestant, found in answers.items() if contestant.name == OURS)
    rows = [_accuracy(contestant, found, ours, examination) for contestant, found in answers.items()]
    return Partial(rows, gaps)


def _answers(faces: Path, contestant: Contestant, cores: int) -> np.ndarray:
    """Probabilities, float32 `[n, 7]`.

    Raises:
        ValueError: the program left something else.
    """
    log.info("peers-accuracy: %s", contestant.name)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "probabilities.npy"
        contestant.run("faces", faces, answer, cores, LONG_TIME_OUT)
        found: np.ndarray = np.load(answer)
    expected = (len(np.load(faces, mmap_mode="r")), len(EMOTIONS))
    if found.shape != expected or not np.isfinite(found).all():
        raise ValueError(f"its answers are no probabilities {list(expected)}")
    return found


def _accuracy(contestant: Contestant, answers: np.ndarray, ours: np.ndarray, examination: Examination) -> PeerAccuracy:
    return PeerAccuracy(
        contestant.name,
        contestant.version,
        **score_answers(answers, examination),
        lead=lead(*(_right(found, examination.split.classes) for found in (ours, answers))),
        crowd_lead=_crowd_lead(ours, answers, examination.crowd),
    )


def _crowd_lead(ours: np.ndarray, answers: np.ndarray, crowd: np.ndarray | None) -> Interval | None:
    """On the images whose majority is clear."""
    if crowd is None or (crowd < 0).all():
        return None
    return lead(*(_right(found[crowd >= 0], crowd[crowd >= 0]) for found in (ours, answers)))


def _right(answers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    right: np.ndarray = answers.argmax(axis=1) == classes
    return right
