"""Time of one inference on one face."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.base.harness import distribution, interleave, timed_burst
from benchmarks.base.measurement import PEAK, VARIANT, Measurement, relative_to_best
from benchmarks.base.plan import Plan
from benchmarks.base.process import call_fresh
from edge.base.text_table import Column, Row
from edge.model.bundle import load_bundle
from edge.model.classifier import EmotionClassifier


def measure_latency(plan: Plan) -> list[Row]:
    """Time every variant with every number of threads on as many cores, interleaved, in fresh processes.

    A row has `ms` of one face, from the crop in memory to float probabilities, of all calls; `round_ms`, the medians of
    the rounds: where they differ much, the machine was not at rest; `file`, bytes of the model's file; and `peak`, the
    most bytes of RAM of a process, which loads the model and runs it, and no more.
    """
    what = time_faces, plan.shipping.folder.resolve()
    cases = product(plan.bundles, plan.threads)
    results = interleave("latency", lambda v, n: call_fresh(*what, v, n, cores=n), cases, plan.rounds)
    return [
        {
            **{"variant": variant, "threads": n, **summed_up([burst for burst, _ in runs])},
            **{"file": len(plan.bundles[variant].model), "peak": max(usage.peak for _, usage in runs)},
        }
        for (variant, n), runs in results.items()
    ]


def time_faces(folder: str, variant: str, threads: int) -> list[float]:
    """Return the seconds of each call after a warm-up; runs in the measured process."""
    bundle = load_bundle(Path(folder), variant)
    classifier, face = EmotionClassifier.from_bundle(bundle, threads), random_face(bundle.input_size)
    return timed_burst(lambda: classifier.classify(face))


def summed_up(bursts: Sequence[Sequence[float]]) -> Row:
    """Summarize the seconds of the calls of each round."""
    ms = [1000 * np.array(burst) for burst in bursts]
    times = np.concatenate(ms)
    return {
        "ms": distribution(times),
        "faces_per_second": 1000 / float(times.mean()),
        "round_ms": distribution(map(np.median, ms)),
    }


def random_face(size: int) -> np.ndarray:
    """Return a noise crop, uint8 `[1, size, size, 3]`; the time of convolutions does not depend on the content."""
    return np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)


LATENCY = Measurement(
    "latency",
    measure_latency,
    "**One inference on one face**",
    (
        VARIANT,
        Column("threads", "threads"),
        Column("median ms", "ms.p50", ".3f"),
        Column("p95", "ms.p95", ".3f"),
        Column("p99", "ms.p99", ".3f"),
        Column("faces/s", "faces_per_second", ".0f"),
        Column("file MB", "file", ".2f", 1e-6),
        PEAK,
        Column("relative to the best", relative_to_best("round_ms", "threads")),
    ),
    {"round_ms": -1},
    usual=True,
)
