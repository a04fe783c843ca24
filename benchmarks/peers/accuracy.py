"""Accuracy of other packages on the same crops, by the evaluation of our own models."""

import logging
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.base.bootstrap import Interval, paired_difference
from benchmarks.base.record import PartialResults
from benchmarks.measure.accuracy import EvaluationData, score_answers
from benchmarks.peers.lineup import LONG_TIME_OUT, OURS, Lineup, Participant
from edge.base.classes import EMOTIONS

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
        ferplus_images: images with a clear FER+ majority, None without votes.
        ferplus_accuracy: against that majority.
        ferplus_macro_f1: against that majority.
        paired_difference: our own `accuracy` minus this one, on the same images.
        ferplus_paired_difference: the same of `ferplus_accuracy`, None without votes.
    """

    name: str
    version: str
    images: int
    accuracy: float
    macro_f1: float
    ferplus_images: int | None
    ferplus_accuracy: float | None
    ferplus_macro_f1: float | None
    paired_difference: Interval
    ferplus_paired_difference: Interval | None


def measure_peer_accuracy(lineup: Lineup, data: EvaluationData, cores: int) -> PartialResults:
    """Classify every image by all packages, each with its own preprocessing, in a process of its environment."""
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder) / "faces.npy"
        np.save(faces, data.split.images)
        results, gaps = lineup.interleaved("peers-accuracy", partial(_answers, faces), [cores], 1)
    answers = {participant: found for (participant, _), (found,) in results.items()}
    (ours,) = (found for participant, found in answers.items() if participant.name == OURS)
    rows = [_accuracy(participant, found, ours, data) for participant, found in answers.items()]
    return PartialResults(rows, gaps)


def _answers(faces: Path, participant: Participant, cores: int) -> np.ndarray:
    """Probabilities, float32 `[n, 7]`.

    Raises:
        ValueError: the program left something else.
    """
    log.info("peers-accuracy: %s", participant.name)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "probabilities.npy"
        participant.run("faces", faces, answer, cores, LONG_TIME_OUT)
        found: np.ndarray = np.load(answer)
    expected = (len(np.load(faces, mmap_mode="r")), len(EMOTIONS))
    if found.shape != expected or not np.isfinite(found).all():
        raise ValueError(f"its answers are no probabilities {list(expected)}")
    return found


def _accuracy(participant: Participant, answers: np.ndarray, ours: np.ndarray, data: EvaluationData) -> PeerAccuracy:
    return PeerAccuracy(
        participant.name,
        participant.version,
        **score_answers(answers, data),
        paired_difference=paired_difference(*(_right(found, data.split.classes) for found in (ours, answers))),
        ferplus_paired_difference=_ferplus_difference(ours, answers, data.ferplus),
    )


def _ferplus_difference(ours: np.ndarray, answers: np.ndarray, majority: np.ndarray | None) -> Interval | None:
    """Difference on the images whose majority is clear."""
    if majority is None or (majority < 0).all():
        return None
    return paired_difference(*(_right(found[majority >= 0], majority[majority >= 0]) for found in (ours, answers)))


def _right(answers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    right: np.ndarray = answers.argmax(axis=1) == classes
    return right
