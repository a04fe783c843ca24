"""Interleaved measurements of several cases, after a warm-up, summed up in percentiles."""

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

WARM_UP = 0.1
"""Seconds: the threads of whoever ran before spin for some milliseconds until they sleep, and caches must fill."""

BURST = 0.4
"""Seconds of one turn: short against the minutes in which a board warms up and slows down."""

FEW = 50
"""Values that are kept one by one."""

LEAST = 5
"""Calls of a turn, also where one takes longer than the turn."""


@dataclass(frozen=True)
class Distribution:
    """Measured values in brief, in the unit of the values.

    Attributes:
        n: how many there were.
        mean: their arithmetic mean.
        minimum: the lowest.
        p50: the median.
        p95: 95th percentile, linearly interpolated.
        p99: 99th percentile, linearly interpolated.
        maximum: the highest.
        values: each of them, in their order, where they are few, as one of each round is.
    """

    n: int
    mean: float
    minimum: float
    p50: float
    p95: float
    p99: float
    maximum: float
    values: tuple[float, ...] = ()


def distribution(values: Iterable[float]) -> Distribution:
    """Sum up at least one value.

    Raises:
        ValueError: there is none.
    """
    array = np.fromiter(values, float)
    if not array.size:
        raise ValueError("a distribution needs values")
    minimum, p50, p95, p99, maximum = (float(v) for v in np.percentile(array, (0, 50, 95, 99, 100)))
    values = tuple(array.tolist()) if array.size <= FEW else ()
    return Distribution(array.size, float(array.mean()), minimum, p50, p95, p99, maximum, values)


def interleave(what: str, cases: Mapping[K, Callable[[], T]], rounds: int) -> dict[K, list[T]]:
    """Run every case once in each round, so that a machine that slows down slows all of them down.

    Each round starts one case later than the one before: nobody always runs after the same neighbour.

    Args:
        what: is measured, for the progress that is logged.
        cases: by key, what to run.
        rounds: how often each runs.

    Returns:
        By key, in the order of `cases`, what each round returned.
    """
    results: dict[K, list[T]] = {key: [] for key in cases}
    keys = list(cases)
    for i in range(rounds):
        log.info("%s: round %d of %d", what, i + 1, rounds)
        first = i % max(1, len(keys))
        for key in keys[first:] + keys[:first]:
            results[key].append(cases[key]())
    return results


def timed_burst(run: Callable[[], object], warm_up: float = WARM_UP, seconds: float = BURST) -> list[float]:
    """Call `run` back to back.

    Args:
        run: what to time.
        warm_up: seconds of calls that do not count, first.
        seconds: of calls that count; at least `LEAST` calls.

    Returns:
        Seconds of each call that counts.
    """
    _calls(run, warm_up)
    return _calls(run, seconds)


def _calls(run: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST or time.perf_counter() < end:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return times
