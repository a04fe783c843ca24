"""Age of results and processor time on a camera of 30 frames a second."""

from contextlib import closing
from itertools import product

from benchmarks.base.edge_run import run_on_camera
from benchmarks.base.harness import distributions, interleave
from benchmarks.base.measurement import CORES, VARIANT, Measurement
from benchmarks.base.plan import Plan
from edge.base.text_table import Column, Row
from edge.sources import open_source

LIVE_FPS = 30.0

LIVE_SECONDS = 15.0
"""Seconds of one run: long compared with its start, which is included."""


def measure_live(plan: Plan) -> list[Row]:
    """Run on every number of cores on a camera that plays the clip, interleaved.

    A row has the share of the frames that were `answered` in the worst run (the others were dropped for newer ones),
    and of each run the 99th percentile of the frames' age at their answer and the share of one core.
    """
    results = interleave("live", lambda n: _run(plan, n), product(plan.cores), plan.rounds)
    return [
        {
            "variant": plan.shipping.variant,
            "cores": n,
            "answered": min(run["answered"] for run in runs),
            **distributions(runs, "age_p99_ms", "cpu"),
        }
        for (n,), runs in results.items()
    ]


def _run(plan: Plan, cores: int) -> Row:
    with closing(open_source(str(plan.clip))) as source:
        frame = source.read()
    assert frame is not None, "a clip that was checked has a frame"
    usage, found = run_on_camera(plan, cores, (frame.width, frame.height), LIVE_FPS, LIVE_SECONDS, "--jsonl", "-")
    answered = found["counts"]["frames"] / found["counts"]["captured"]
    return {"answered": answered, "age_p99_ms": found["ms"]["frame age"]["p99"], "cpu": usage.load}


LIVE = Measurement(
    "live",
    measure_live,
    "**On a camera of 30 frames a second**, the clip's frames through a pipe; the worst run's share of frames",
    (
        VARIANT,
        CORES,
        Column("frames answered", "answered", ".1%"),
        Column("p99 of frame age, ms", "age_p99_ms.p50", ".1f"),
        Column("of one core", "cpu.p50", ".1%"),
    ),
    {"age_p99_ms": -1, "cpu": -1},
    usual=True,
)
