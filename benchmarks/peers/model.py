"""Time of the models of other packages for one face, beside our own."""

import json
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.base.harness import Distribution, distribution
from benchmarks.base.record import PartialResults
from benchmarks.peers.lineup import Lineup, Participant


@dataclass(frozen=True)
class ModelAlone:
    """One package.

    Attributes:
        name: the package, or `emotion-edge`.
        version: of the package; the variant's name for our own.
        cores: that the process was allowed to use.
        ms: milliseconds of one face, from the crop in memory to float probabilities, its preprocessing included.
        round_ms: of the medians of each round.
        peaks: the most bytes of RAM that the process had, of each round; it loads the model and runs it, and no more.
    """

    name: str
    version: str
    cores: int
    ms: Distribution
    round_ms: Distribution
    peaks: Distribution


@dataclass(frozen=True)
class _Burst:
    ms: np.ndarray
    peak: int


def measure_models(lineup: Lineup, size: int, cores: int, rounds: int) -> PartialResults:
    """Time one face in all packages, interleaved, in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder) / "faces.npy"
        # Noise, for convolutions take as long on anything.
        np.save(faces, np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8))
        results, gaps = lineup.interleaved("peers-model", partial(_burst, faces), [cores], rounds)
    return PartialResults([_alone(participant, n, bursts) for (participant, n), bursts in results.items()], gaps)


def _burst(faces: Path, participant: Participant, cores: int) -> _Burst:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        usage = participant.run("face", faces, answer, cores)
        return _Burst(np.array(json.loads(answer.read_text()), float) * 1000, usage.peak)


def _alone(participant: Participant, cores: int, bursts: list[_Burst]) -> ModelAlone:
    return ModelAlone(
        participant.name,
        participant.version,
        cores,
        ms=distribution(np.concatenate([burst.ms for burst in bursts])),
        round_ms=distribution(float(np.median(burst.ms)) for burst in bursts),
        peaks=distribution(burst.peak for burst in bursts),
    )
