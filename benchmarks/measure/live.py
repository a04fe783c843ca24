"""Age of answers and processor time on a camera of 30 frames a second."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.base import camera
from benchmarks.base.harness import Distribution, distribution, interleave
from benchmarks.base.process import run_fresh
from benchmarks.measure.pipeline import edge_command
from edge.model.bundle import Bundle
from edge.sources import open_source

FPS = 30.0

SECONDS = 15.0
"""Seconds of one run: long against its start, which is counted."""

MOST_AGES = 240
"""Points that are kept of the course of one run."""


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
        seconds: of the first run, when its frames were captured, from its first one on; at most `MOST_AGES`.
        ages_ms: their age at their answer; where there were more frames, the oldest one of as many neighbours as
            makes it so few.
    """

    variant: str
    cores: int
    fps: float
    answered: float
    age_p99_ms: Distribution
    cpu: Distribution
    seconds: tuple[float, ...]
    ages_ms: tuple[float, ...]


@dataclass(frozen=True)
class _Run:
    answered: float
    age_p99_ms: float
    cpu: float
    captured: np.ndarray
    ages_ms: np.ndarray


def measure_live(bundles: Mapping[str, Bundle], clip: Path, cores: Sequence[int], rounds: int) -> list[Live]:
    """Run every variant on every number of cores on a camera that plays the clip, interleaved."""
    cases = {(v, n): partial(_run, bundle.folder, v, clip, n) for (v, bundle), n in product(bundles.items(), cores)}
    results = interleave("live", cases, rounds)
    return [_live(variant, n, runs) for (variant, n), runs in results.items()]


def _live(variant: str, cores: int, runs: list[_Run]) -> Live:
    return Live(
        variant,
        cores,
        FPS,
        min(run.answered for run in runs),
        distribution(run.age_p99_ms for run in runs),
        distribution(run.cpu for run in runs),
        *thinned(runs[0].captured - runs[0].captured[0], runs[0].ages_ms, MOST_AGES),
    )


def thinned(seconds: np.ndarray, values: np.ndarray, most: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The highest value of each few neighbours, and when it was, so that at most so many points are left."""
    parts = np.array_split(np.arange(len(values)), min(most, len(values)))
    highest = [part[values[part].argmax()] for part in parts]
    return tuple(seconds[highest].tolist()), tuple(values[highest].tolist())


def _run(folder: Path, variant: str, clip: Path, cores: int) -> _Run:
    size = _size(clip)
    with tempfile.TemporaryDirectory() as temporary:
        summary, lines = Path(temporary) / "summary.json", Path(temporary) / "records.jsonl"
        command = [*edge_command("-", folder, variant, summary), *camera.as_options(size, FPS), "--jsonl", str(lines)]
        usage = run_fresh(command, cores, camera.command(clip, size, FPS, SECONDS))
        found = json.loads(summary.read_text())
        records = [json.loads(line) for line in lines.read_text().splitlines()]
    counts = found["counts"]
    return _Run(
        answered=counts["frames"] / counts["captured"],
        age_p99_ms=found["ms"]["frame age"]["p99"],
        cpu=usage.cpu / usage.seconds,
        captured=np.array([record["t"] for record in records]),
        ages_ms=np.array([record["latency_ms"] for record in records]),
    )


def _size(clip: Path) -> tuple[int, int]:
    source = open_source(str(clip))
    frame = source.read()
    source.close()
    assert frame is not None, "a clip that was checked has a frame"
    return frame.width, frame.height
