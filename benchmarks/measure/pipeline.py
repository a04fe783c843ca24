"""Speed of `emotion-edge run` on a clip, in fresh processes, with its defaults."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.base.harness import Distribution, distribution, interleave
from benchmarks.base.process import run_fresh
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError
from edge.model.bundle import Bundle
from edge.sources import open_source


@dataclass(frozen=True)
class Run:
    """One run from start to end.

    Attributes:
        fps: results a second between the first and the last.
        frames: of the clip.
        frames_with_faces: those in which there was one.
        first_record: seconds from the start of the process until its first record was read from the pipe.
        seconds: from the start of the process to its end.
        peak: the most bytes of RAM that the process had at any time.
        stages: by stage, `p50`, `p95` and `p99` of a frame in milliseconds; `frame age` is from decoding to result
            and holds the waiting in queues, which a recording keeps full.
    """

    fps: float
    frames: int
    frames_with_faces: int
    first_record: float
    seconds: float
    peak: int
    stages: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Pipeline:
    """One variant on a number of cores: the same figures as of a run, over all runs.

    Attributes:
        variant: which.
        cores: that the process was allowed to use.
        fps: results a second.
        first_record: seconds.
        peak: bytes, the worst run's.
        stage_p50_ms: by stage, the median of the runs' medians.
        runs: each of them.
    """

    variant: str
    cores: int
    fps: Distribution
    first_record: Distribution
    peak: int
    stage_p50_ms: dict[str, float]
    runs: tuple[Run, ...]


def check_clip(clip: Path) -> None:
    """Refuse a clip that the pipeline cannot run on, before minutes of measuring.

    Raises:
        UserError: the clip is missing or not a video, or the detector's weights cannot be fetched.
    """
    if not clip.is_file():
        raise UserError(f"{clip}: no such clip", "name a video by --clip, or leave it out for the demo's")
    open_source(str(clip)).close()
    fetch(YUNET)


def measure_pipeline(bundles: Mapping[str, Bundle], clip: Path, cores: Sequence[int], rounds: int) -> list[Pipeline]:
    """Run every variant on every number of cores, interleaved.

    Raises:
        UserError: the pipeline refuses the clip or the model.
    """
    cases = {
        (variant, n): partial(run_once, bundle.folder, variant, clip, n)
        for (variant, bundle), n in product(bundles.items(), cores)
    }
    next(iter(cases.values()))()  # not counted: it reads the libraries from the disk for all that follow
    results = interleave("pipeline", cases, rounds)
    return [_pipeline(variant, n, runs) for (variant, n), runs in results.items()]


def run_once(folder: Path, variant: str, clip: Path, cores: int) -> Run:
    """Run the command as users do, reading its records from a pipe.

    Raises:
        UserError: it refuses the clip or the model.
    """
    with tempfile.TemporaryDirectory() as temporary:
        summary = Path(temporary) / "summary.json"
        command = edge_command(str(clip.resolve()), folder, variant, summary)
        usage = run_fresh([*command, "--jsonl", "-"], cores)
        found = json.loads(summary.read_text())
    counts = found["counts"]
    assert usage.first_line is not None, "a clip that can be decoded has a first frame"
    return Run(
        fps=found["fps"],
        frames=counts["frames"],
        frames_with_faces=counts["frames_with_faces"],
        first_record=usage.first_line,
        seconds=usage.seconds,
        peak=usage.peak,
        stages=found["ms"],
    )


def edge_command(source: str, folder: Path, variant: str, summary: Path | None = None) -> list[str]:
    """The edge's command on a source, with a bundle's variant, without a window; it leaves its summary in a file."""
    command = [sys.executable, "-m", "edge", "run", source, "--no-window"]
    command += ["--model", str(folder.resolve()), "--variant", variant]
    return [*command, "--summary", str(summary)] if summary else command


def _pipeline(variant: str, cores: int, runs: list[Run]) -> Pipeline:
    stages = {
        stage: distribution(run.stages[stage]["p50"] for run in runs if stage in run.stages).p50
        for stage in runs[0].stages
    }
    return Pipeline(
        variant=variant,
        cores=cores,
        fps=distribution(run.fps for run in runs),
        first_record=distribution(run.first_record for run in runs),
        peak=max(run.peak for run in runs),
        stage_p50_ms=stages,
        runs=tuple(runs),
    )
