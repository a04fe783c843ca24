"""What the edge takes on a camera of 30 frames a second: the age of its answers, and the processor's time."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks import camera
from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.pipeline import edge_command
from benchmarks.process import run_fresh
from edge.bundle import Bundle
from edge.sources import open_source

FPS = 30.0

SECONDS = 15.0
"""Of one run: its start, which is counted, is then a small part."""


@dataclass(frozen=True)
class Live:
    """One variant on a number of cores.

    Attributes:
        variant: which.
        cores: that the process was allowed to use; the camera is another process on any core.
        fps: frames a second that the camera gave.
        answered: share of the frames that were answered; the others were dropped for newer ones.
        age_p99_ms: of each run, the 99th percentile of the frames' age at their answer.
        cpu: of each run, share of one core that the process took from its start to its end.
    """

    variant: str
    cores: int
    fps: float
    answered: float
    age_p99_ms: Distribution
    cpu: Distribution


def measure_live(bundles: Mapping[str, Bundle], clip: Path, cores: Sequence[int], rounds: int) -> list[Live]:
    """Let a clip be the camera's picture, for every variant on every number of cores, in turns.

    Args:
        bundles: by variant.
        clip: a video.
        cores: numbers of cores.
        rounds: runs of each.
    """
    cases = {(v, n): partial(_run, bundle.folder, v, clip, n) for (v, bundle), n in product(bundles.items(), cores)}
    results = interleave("live", cases, rounds)
    return [
        Live(
            variant,
            n,
            FPS,
            min(answered for answered, _, _ in runs),
            distribution(age for _, age, _ in runs),
            distribution(cpu for _, _, cpu in runs),
        )
        for (variant, n), runs in results.items()
    ]


def _run(folder: Path, variant: str, clip: Path, cores: int) -> tuple[float, float, float]:
    """One run: the share of frames answered, the 99th percentile of their age in ms, and the share of a core taken."""
    size = _size(clip)
    with tempfile.TemporaryDirectory() as temporary:
        summary = Path(temporary) / "summary.json"
        command = [*edge_command("-", folder, variant, summary), *camera.as_options(size, FPS)]
        usage = run_fresh(command, cores, camera.command(clip, size, FPS, SECONDS))
        found = json.loads(summary.read_text())
    counts = found["counts"]
    return counts["frames"] / counts["captured"], found["ms"]["frame age"]["p99"], usage.cpu / usage.seconds


def _size(clip: Path) -> tuple[int, int]:
    source = open_source(str(clip))
    frame = source.read()
    source.close()
    assert frame is not None, "a clip that was checked has a frame"
    return frame.width, frame.height
