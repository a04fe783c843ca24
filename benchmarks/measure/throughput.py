"""Speed of `emotion-edge run` on a clip, in fresh processes, with its defaults."""

from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.base.edge_run import run_on_clip
from benchmarks.base.harness import distributions, interleave
from benchmarks.base.measurement import CORES, PEAK, VARIANT, Measurement, relative_to_best, spread
from benchmarks.base.plan import Plan
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError
from edge.base.text_table import Column, Row
from edge.model.bundle import Bundle
from edge.sources import open_source


def check_clip(clip: Path) -> None:
    """Refuse an unusable clip before minutes of measurements."""
    if not clip.is_file():
        raise UserError(f"{clip}: no such clip", "name a video by --clip, or leave it out for the demo's")
    open_source(str(clip)).close()
    fetch(YUNET)


def measure_pipeline(plan: Plan) -> list[Row]:
    """Run every variant on every number of cores, interleaved; a row's `runs` are of `run_once`."""
    run_once(plan.shipping, plan.clip, 1)  # not counted: reads the libraries from the disk
    cases = product(plan.bundles, plan.cores)
    results = interleave("pipeline", lambda v, n: run_once(plan.bundles[v], plan.clip, n), cases, plan.rounds)
    return [{"variant": variant, "cores": n, **_summed_up(runs)} for (variant, n), runs in results.items()]


def run_once(bundle: Bundle, clip: Path, cores: int) -> Row:
    """Run the command as a user does, and read its records from a pipe.

    Returns:
        `fps` between the first and the last result; `frames`, and the share of them `with_faces`; seconds from the
        start of the process until its `first_record`; `peak`, the most bytes of RAM; and by stage `p50`, `p95` and
        `p99` of a frame in milliseconds: `frame age` is from decoding to result and holds the waiting in queues, which
        a recording keeps full.
    """
    usage, found = run_on_clip(bundle, clip, cores, "--jsonl", "-")
    return {
        "fps": found["fps"],
        "frames": found["counts"]["frames"],
        "with_faces": found["counts"]["frames_with_faces"] / found["counts"]["frames"],
        "first_record": usage.first_line,
        "peak": usage.peak,
        "stages": found["ms"],
    }


def _summed_up(runs: list[Row]) -> Row:
    stages = runs[0]["stages"]
    return {
        **distributions(runs, "fps", "first_record"),
        "peak": max(run["peak"] for run in runs),
        "stage_p50_ms": {stage: float(np.median([run["stages"][stage]["p50"] for run in runs])) for stage in stages},
        "runs": runs,
    }


PIPELINE = Measurement(
    "pipeline",
    measure_pipeline,
    "**The whole edge on the clip**, every frame answered, in fresh processes",
    (
        VARIANT,
        CORES,
        Column("FPS", "fps.p50", ".0f"),
        Column("lowest–highest", spread("fps", ".0f")),
        Column("detect ms", "stage_p50_ms.detect", ".2f"),
        Column("classify ms", "stage_p50_ms.classify", ".2f"),
        Column("first record s", "first_record.p50", ".2f"),
        PEAK,
        Column("relative to the best", relative_to_best("fps", "cores", better=+1)),
    ),
    {"fps": +1, "first_record": -1},
    usual=True,
)
