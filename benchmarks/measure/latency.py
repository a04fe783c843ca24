"""Time of one inference on one face."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

import numpy as np

from benchmarks.base.harness import distribution, interleave, timed_burst
from benchmarks.base.measurement import VARIANT, Measurement, relative_to_best
from benchmarks.base.plan import Plan
from benchmarks.base.process import restricted_to
from edge.base.text_table import Column, Row
from edge.model.bundle import Bundle
from edge.model.classifier import EmotionClassifier


def measure_latency(plan: Plan) -> list[Row]:
    """Time every variant with every number of threads, each on as many cores, interleaved.

    A row has `ms` of one face, from the crop in memory to float probabilities, of all calls; and `round_ms`, the
    medians of the rounds: where they differ much, the machine was not at rest.
    """
    turns = {(v, n): _turn(bundle, n) for (v, bundle), n in product(plan.bundles.items(), plan.threads)}
    results = interleave("latency", lambda *case: turns[case](), turns, plan.rounds)
    return [{"variant": variant, "threads": n, **summed_up(bursts)} for (variant, n), bursts in results.items()]


def summed_up(bursts: Sequence[Sequence[float]]) -> Row:
    """Figures of the seconds of each call in each round."""
    ms = [1000 * np.array(burst) for burst in bursts]
    times = np.concatenate(ms)
    return {
        "ms": distribution(times),
        "faces_per_second": 1000 / float(times.mean()),
        "round_ms": distribution(map(np.median, ms)),
    }


def random_face(size: int) -> np.ndarray:
    """A crop, uint8 `[1, size, size, 3]`: noise, for convolutions take as long on anything."""
    return np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)


def _turn(bundle: Bundle, threads: int) -> Callable[[], list[float]]:
    """A turn of one variant; the runtime's threads keep to the cores of the thread that made them."""
    with restricted_to(threads):
        classifier, face = EmotionClassifier.from_bundle(bundle, threads), random_face(bundle.input_size)
        classifier.classify(face)

    def turn() -> list[float]:
        with restricted_to(threads):
            return timed_burst(partial(classifier.classify, face))

    return turn


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
        Column("relative to the best", relative_to_best("round_ms", "threads")),
    ),
    {"round_ms": -1},
    usual=True,
)
