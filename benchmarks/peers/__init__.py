"""Other packages that read faces, each in an environment of its own, on the clip that the edge runs on beside them."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.peers.environment import prepare
from benchmarks.pipeline import run_once
from benchmarks.process import run_fresh
from edge.bundle import Bundle

PEERS = ("fer", "facex")
"""Names of the lock in `requirements/` and of the program here that uses each as its own page says."""

OURS = "emotion-edge"


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
    """

    name: str
    version: str
    cores: int
    fps: Distribution
    first: Distribution
    peak: int
    with_faces: float


@dataclass(frozen=True)
class _Run:
    version: str
    fps: float
    first: float
    peak: int
    with_faces: float


def measure_peers(ours: Bundle, clip: Path, cores: Sequence[int], rounds: int) -> list[Peer]:
    """Run our own pipeline and every peer on every number of cores, in turns.

    Args:
        ours: the bundle with the variant that ships.
        clip: a video.
        cores: numbers of cores.
        rounds: runs of each.

    Raises:
        UserError: an environment could not be made.
    """
    pythons = {name: prepare(name) for name in PEERS}
    cases = {(OURS, n): partial(_own_run, ours, clip, n) for n in cores}
    cases |= {(name, n): partial(_run, name, python, clip, n) for (name, python), n in product(pythons.items(), cores)}
    results: Mapping[tuple[str, int], list[_Run]] = interleave("peers", cases, rounds)
    return [
        Peer(
            name,
            runs[0].version,
            n,
            distribution(run.fps for run in runs),
            distribution(run.first for run in runs),
            max(run.peak for run in runs),
            runs[0].with_faces,
        )
        for (name, n), runs in results.items()
    ]


def _own_run(bundle: Bundle, clip: Path, cores: int) -> _Run:
    run = run_once(bundle.folder, bundle.variant, clip, cores)
    return _Run(bundle.variant, run.fps, run.first_record, run.peak, run.frames_with_faces / run.frames)


def _run(name: str, python: Path, clip: Path, cores: int) -> _Run:
    program = Path(__file__).with_name(f"with_{name}.py")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        usage = run_fresh([str(python), str(program), str(clip.resolve()), str(answer)], cores)
        found = json.loads(answer.read_text())
    assert usage.first_line is not None, "a peer prints a line for each frame"
    return _Run(
        found["version"], found["fps"], usage.first_line, usage.peak, found["frames_with_faces"] / found["frames"]
    )
