"""Speed of other packages on a clip, beside the edge: decoding, detection and classification."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.base.harness import Distribution, distribution
from benchmarks.base.record import PartialResults
from benchmarks.measure.pipeline import run_once
from benchmarks.peers.lineup import OURS, Lineup, Participant
from edge.model.bundle import Bundle


@dataclass(frozen=True)
class Peer:
    """One package on a number of cores.

    Attributes:
        name: the package, or `emotion-edge` itself with the variant that ships, in the same turns.
        version: of the package; the variant's name for our own.
        cores: that the process was allowed to use.
        fps: answers a second between the first and the last frame, of each run.
        first: seconds from the start of the process to its first answer, of each run.
        peak: the most bytes of RAM that the process had, in the worst of its runs.
        with_faces: share of the frames that it answered in which it found a face.
        peaks: the most bytes of RAM, of each run.
    """

    name: str
    version: str
    cores: int
    fps: Distribution
    first: Distribution
    peak: int
    with_faces: float
    peaks: Distribution


@dataclass(frozen=True)
class _Run:
    fps: float
    first: float
    peak: int
    with_faces: float


def measure_peers(lineup: Lineup, ours: Bundle, clip: Path, cores: Sequence[int], rounds: int) -> PartialResults:
    """Run this pipeline and every package that finds faces on every number of cores, interleaved."""
    results, gaps = lineup.that_find_faces().interleaved("peers", partial(_run, ours, clip), cores, rounds)
    rows = [_peer(participant, n, runs) for (participant, n), runs in results.items()]
    return PartialResults(sorted(rows, key=lambda row: row.cores), gaps)


def _peer(participant: Participant, cores: int, runs: list[_Run]) -> Peer:
    return Peer(
        participant.name,
        participant.version,
        cores,
        fps=distribution(run.fps for run in runs),
        first=distribution(run.first for run in runs),
        peak=max(run.peak for run in runs),
        with_faces=runs[0].with_faces,
        peaks=distribution(run.peak for run in runs),
    )


def _run(ours: Bundle, clip: Path, participant: Participant, cores: int) -> _Run:
    if participant.name == OURS:
        run = run_once(ours.folder, ours.variant, clip, cores)
        return _Run(run.fps, run.first_record, run.peak, run.frames_with_faces / run.frames)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        usage = participant.run("clip", clip, answer, cores)
        found = json.loads(answer.read_text())
    if usage.first_line is None:
        raise ValueError("no line was printed for any frame")
    return _Run(found["fps"], usage.first_line, usage.peak, found["with_faces"])
