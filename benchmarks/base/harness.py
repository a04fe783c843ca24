"""Interleaved measurements of several cases after a warm-up, summarized by percentiles."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

log = logging.getLogger(__name__)

K = TypeVar("K", bound=tuple[Any, ...])
T = TypeVar("T")

Distribution = dict[str, Any]
"""Summary of measured values, see `benchmarks.base.record`."""

WARM_UP = 0.1
"""Seconds: threads of the previous case spin for some milliseconds before they sleep, and caches must fill."""

BURST = 0.4
"""Seconds of one turn: short compared with the minutes in which a board warms up and slows down."""

MAX_VALUES = 50
"""Largest number of values that are saved individually."""

MIN_CALLS = 5
"""Smallest number of calls in a turn, even if they take longer than the turn."""


def distribution(values: Iterable[float]) -> Distribution:
    """Summarize at least one value."""
    array = np.fromiter(values, float)
    minimum, p50, p95, p99, maximum = np.percentile(array, (0, 50, 95, 99, 100)).tolist()
    found = {"n": array.size, "mean": float(array.mean()), "minimum": minimum}
    found |= {"p50": p50, "p95": p95, "p99": p99, "maximum": maximum}
    return found | {"values": array.tolist() if array.size <= MAX_VALUES else []}


def distributions(runs: Sequence[Mapping[str, Any]], *keys: str) -> dict[str, Distribution]:
    """Summarize figures over the rounds, by key."""
    return {key: distribution(run[key] for run in runs) for key in keys}


def interleave(what: str, run: Callable[..., T], cases: Iterable[K], rounds: int) -> dict[K, list[T]]:
    """Run every case once in each round, so that a machine that slows down affects all of them.

    Each round starts one case later than the one before, so that no case always follows the same one. Returns the
    results of all rounds by case; a case is the arguments of `run`.
    """
    results: dict[K, list[T]] = {case: [] for case in cases}
    order = list(results)
    for i in range(rounds):
        log.info("%s: round %d of %d", what, i + 1, rounds)
        first = i % max(1, len(order))
        for case in order[first:] + order[:first]:
            results[case].append(run(*case))
    return results


def timed_burst(run: Callable[[], object], warm_up: float = WARM_UP, seconds: float = BURST) -> list[float]:
    """Call `run` back to back, at least `MIN_CALLS` times; return the seconds of each call after the warm-up."""
    _calls(run, warm_up)
    return _calls(run, seconds)


def _calls(run: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < MIN_CALLS or time.perf_counter() < end:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return times
