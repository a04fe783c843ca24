"""Statistics of a run: counts, rates and durations."""

import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Any, Protocol

import numpy as np

from edge.base.text_table import table

WINDOW = 5000
"""Durations kept for each stage: enough for a p99, and bounded however long the run."""

SUMMARY_PERCENTILES = (50, 95, 99)


BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of a histogram's buckets, seconds; the last bucket has none."""


class Queue(Protocol):
    """Interface of a queue whose depth is measured.

    Attributes:
        dropped: number of items dropped.
    """

    @property
    def dropped(self) -> int: ...

    def __len__(self) -> int: ...


@dataclass
class Histogram:
    """Histogram of all durations of a run.

    Attributes:
        counts: durations in each bucket of `BOUNDS`, and beyond the last bound.
        total: sum of the durations, seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0


class Statistics:
    """Statistics that all stages write and any thread may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self._histograms: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._queues: list[tuple[str, Queue]] = []
        self._counts: Counter[str] = Counter()
        self._states: dict[str, float | int | bool | None] = {}
        self._answered: deque[float] = deque(maxlen=WINDOW)
        self._created = self._started = self._ended = time.monotonic()

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def count_of(self, name: str) -> int:
        """Return a counter's value."""
        with self._lock:
            return self._counts[name]

    def add(self, name: str, seconds: float) -> None:
        """Record a duration or an age under `name`."""
        with self._lock:
            self._times[name].append(seconds)
            histogram = self._histograms[name]
            histogram.counts[bisect_left(BOUNDS, seconds)] += 1
            histogram.total += seconds

    def set(self, name: str, value: float | int | bool | None) -> None:
        """Set a state; it replaces the one before."""
        with self._lock:
            self._states[name] = value

    def watch(self, name: str, queue: Queue) -> None:
        """Measure a queue from now on; the drops of an earlier queue of that name still count."""
        with self._lock:
            self._queues.append((name, queue))

    def counts(self) -> dict[str, int]:
        """Return all counters; dropped items are counted under `dropped.<queue>`."""
        with self._lock:
            counts = self._counts.copy()
            for name, queue in self._queues:
                counts[f"dropped.{name}"] += queue.dropped
        return dict(counts)

    def states(self) -> dict[str, float | int | bool | None]:
        """Return the states by name."""
        with self._lock:
            return dict(self._states)

    def depths(self) -> dict[str, int]:
        """Return the number of items that wait in each queue."""
        depths: Counter[str] = Counter()
        with self._lock:
            for name, queue in self._queues:
                depths[name] += len(queue)
        return dict(depths)

    def histograms(self) -> dict[str, Histogram]:
        """Return the histograms of all durations since the start, by name."""
        with self._lock:
            return {name: replace(found, counts=found.counts.copy()) for name, found in self._histograms.items()}

    def recent(self, name: str, q: float, last: int) -> float | None:
        """Return percentile `q` of the latest durations under `name`, seconds; None where there are none."""
        with self._lock:
            values = list(islice(reversed(self._times.get(name, ())), last))
        return _percentiles(values, (q,))[0] if values else None

    def timed(self, name: str) -> "_Timer":
        """Return a context manager that records the duration of its block."""
        return _Timer(self, name)

    def answered(self) -> None:
        """Count a result."""
        with self._lock:
            if not self._counts["frames"]:
                self._started = time.monotonic()
            self._counts["frames"] += 1
            self._ended = time.monotonic()
            self._answered.append(self._ended)

    def fps(self) -> float:
        """Return results per second between the first and the last."""
        with self._lock:
            seconds = self._ended - self._started
            return (self._counts["frames"] - 1) / seconds if seconds > 0 else 0.0

    def recent_fps(self, seconds: float) -> float | None:
        """Return results per second of the last `seconds`; 0 where there were none.

        None where the run is younger than that and has fewer than two results.
        """
        now = time.monotonic()
        with self._lock:
            times = list(takewhile(lambda time: now - time <= seconds, reversed(self._answered)))
        if times and times[0] > times[-1]:
            return (len(times) - 1) / (times[0] - times[-1])
        return len(times) / seconds if now - self._created > seconds else None

    def summary(self) -> dict[str, Any]:
        """Return plain values for JSON: fps, counts, states, and the percentiles of each duration in ms."""
        with self._lock:
            times = {name: list(values) for name, values in self._times.items()}
        return {
            "fps": round(self.fps(), 2),
            "counts": self.counts(),
            "states": self.states(),
            "ms": {name: _in_ms(values) for name, values in times.items()},
        }


class _Timer:
    """Records the duration of a block; a generator's context manager takes four times as long."""

    def __init__(self, statistics: Statistics, name: str) -> None:
        self._statistics, self._name = statistics, name

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._statistics.add(self._name, time.perf_counter() - self._started)


def under(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counters whose names begin with `prefix`, without it: `dropped.` by queue, `source.` by event."""
    return {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}


def summary_text(summary: dict[str, Any]) -> str:
    """Format a summary for the terminal."""
    counts = summary["counts"]
    dropped = {name: n for name, n in under("dropped.", counts).items() if n}
    errors = under("errors.", counts)
    lines = [
        f"{counts.get('frames', 0)} frames, {summary['fps']:.1f} FPS, {counts.get('faces', 0)} faces "
        f"in {counts.get('frames_with_faces', 0)} frames",
        *([f"{n} faces left out: more than --max-faces"] if (n := counts.get("faces_left_out")) else []),
        "dropped: " + (", ".join(f"{n} before {name}" for name, n in dropped.items()) or "none"),
        *([f"{n} events lost by outputs that were too slow"] if (n := counts.get("events_lost")) else []),
        *(["errors: " + ", ".join(f"{n} in {part}" for part, n in errors.items())] if errors else []),
    ]
    rows = [[name, *(f"{values[f'p{q}']:.2f}" for q in SUMMARY_PERCENTILES)] for name, values in summary["ms"].items()]
    return "\n".join([*lines, table(["ms", *(f"p{q}" for q in SUMMARY_PERCENTILES)], rows)])


def _in_ms(seconds: Sequence[float]) -> dict[str, float]:
    found = _percentiles(seconds, SUMMARY_PERCENTILES)
    return {f"p{q}": round(1000 * value, 3) for q, value in zip(SUMMARY_PERCENTILES, found, strict=True)}


def _percentiles(values: Sequence[float], ranks: Sequence[float]) -> list[float]:
    """Return percentiles as `numpy.percentile` does, which imports numpy's masked arrays: 1 MB."""
    places = np.array(ranks) / 100 * (len(values) - 1)
    return np.interp(places, np.arange(len(values)), np.sort(values)).tolist()
