"""What the package promises of the variant that ships, and whether it was reached here."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.latency import Latency
from benchmarks.pipeline import Pipeline

VARIANT, RESOLUTION, THREADS, CORES = "int8", 96, 1, 2
MOST_MS, LEAST_FPS, MOST_SECONDS, MOST_BYTES = 1.0, 150.0, 1.0, 200e6


@dataclass(frozen=True)
class Bar:
    """One promise.

    Attributes:
        promise: in words.
        measured: in words, or why it was not measured.
        reached: None where it was not measured.
    """

    promise: str
    measured: str
    reached: bool | None


def check_bars(resolution: int, latency: Sequence[Latency], pipeline: Sequence[Pipeline]) -> list[Bar]:
    """Compare the figures with the promises.

    Args:
        resolution: pixels of the side that the backbone sees.
        latency: as measured.
        pipeline: as measured.
    """
    return [_latency_bar(resolution, latency), *_pipeline_bars(pipeline)]


def _latency_bar(resolution: int, latency: Sequence[Latency]) -> Bar:
    promise = f"{VARIANT} at {RESOLUTION}×{RESOLUTION} on one thread, median < {MOST_MS:.1f} ms"
    found = next((f for f in latency if (f.variant, f.threads) == (VARIANT, THREADS)), None)
    if found is None:
        return Bar(promise, _ABSENT, None)
    if resolution != RESOLUTION:
        return Bar(promise, f"not measured: the backbone of this bundle sees {resolution}×{resolution}", None)
    return Bar(promise, f"{found.ms.p50:.3f} ms", found.ms.p50 < MOST_MS)


def _pipeline_bars(pipeline: Sequence[Pipeline]) -> list[Bar]:
    promises = (
        f"pipeline on two cores, {VARIANT}, median > {LEAST_FPS:.0f} FPS",
        f"first record, median < {MOST_SECONDS} s from the start of the process",
        f"peak memory of the process < {MOST_BYTES / 1e6:.0f} MB",
    )
    if not any(f.variant == VARIANT for f in pipeline):
        return [Bar(promise, _ABSENT, None) for promise in promises]
    found = next((f for f in pipeline if (f.variant, f.cores) == (VARIANT, CORES)), None)
    if found is None:
        return [Bar(promise, "not measured: no run on two cores", None) for promise in promises]
    seconds = found.first_record.p50
    return [
        Bar(promises[0], f"{found.fps.p50:.0f} FPS", found.fps.p50 > LEAST_FPS),
        Bar(promises[1], f"{seconds:.2f} s", seconds < MOST_SECONDS),
        Bar(promises[2], f"{found.peak / 1e6:.0f} MB", found.peak < MOST_BYTES),
    ]


_ABSENT = f"not measured: {VARIANT} is not in this bundle"
