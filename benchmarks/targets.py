"""Targets of the variant that ships, on two x86-64 cores."""

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.base.plan import SHIPPING
from benchmarks.base.record import Record, rows_of
from benchmarks.peers.lineup import OURS
from edge.base.text_table import Row

RESOLUTION = 96

Figure = Callable[[Record], float]
"""Returns a figure of a record; raises LookupError if it is missing."""


def _figure(measurement: str, keys: str, scale: float = 1, **which: Any) -> Figure:
    """Return a function that finds the figure under keys joined by dots, in the first row with these values."""

    def find(record: Record) -> float:
        value: Any = rows_of(record, measurement, **which)[0]
        for key in keys.split("."):
            value = value[key]
        if value is None:
            raise LookupError(measurement)
        return float(value) * scale

    return find


def _quotient(above: Figure, below: Figure) -> Figure:
    return lambda record: above(record) / below(record)


def _inference(record: Record) -> float:
    if record["bundle"]["resolution"] != RESOLUTION:
        raise LookupError("another resolution")
    return _figure("latency", "ms.p50", variant=SHIPPING, threads=1)(record)


def _times_fer(cores: int) -> Figure:
    return _quotient(*(_figure("peers", "fps.p50", name=name, cores=cores) for name in (OURS, "fer")))


def _two_cores(measurement: str, keys: str, scale: float = 1) -> Figure:
    return _figure(measurement, keys, scale, variant=SHIPPING, cores=2)


EIGHT_FACES = _quotient(*(_figure("face-count", "ms.p50", faces=faces) for faces in (8, 1)))
UNWATCHED, WATCHED = (_figure("outputs", "more", output=f"--web, {who}") for who in ("nobody looks", "one viewer"))
OVERHEAD = _figure("stages", "overhead", variant=SHIPPING, cores=1)


class Target(NamedTuple):
    """A bound on a figure."""

    words: str
    figure: Figure
    shown: str
    most: float = float("inf")
    least: float = float("-inf")


TARGETS = (
    Target(f"{SHIPPING} at {RESOLUTION}×{RESOLUTION}, one thread, median ≤ 1.0 ms", _inference, "{:.3f} ms", most=1.0),
    Target("pipeline, two cores, ≥ 150 FPS", _two_cores("pipeline", "fps.p50"), "{:.0f} FPS", least=150),
    Target("two cores, ≥ 20 times fer's FPS", _times_fer(2), "{:.1f} times", least=20),
    Target("one core, ≥ 20 times fer's FPS", _times_fer(1), "{:.1f} times", least=20),
    Target("outside decoding and networks, one core, ≤ 12%", OVERHEAD, "{:.1%}", most=0.12),
    Target("≥ 90% of the slowest stage, two cores", _two_cores("stages", "of_slowest"), "{:.0%}", least=0.9),
    Target("30 FPS live, two cores, p99 of frame age ≤ 10 ms", _two_cores("live", "age_p99_ms.p50"), "{:.0f} ms", 10),
    Target("30 FPS live, ≤ 12% of one core", _two_cores("live", "cpu.p50"), "{:.1%}", most=0.12),
    Target("eight faces cost ≤ 2.5 times one", EIGHT_FACES, "{:.1f} times", most=2.5),
    Target("live page without a viewer ≤ 2% of a core", UNWATCHED, "{:.1%}", most=0.02),
    Target("live page with one viewer, 640×480 at 15 FPS, ≤ 15%", WATCHED, "{:.1%}", most=0.15),
    Target("first record ≤ 0.30 s after the start", _two_cores("pipeline", "first_record.p50"), "{:.2f} s", most=0.3),
    Target("peak memory ≤ 130 MB", _two_cores("pipeline", "peak", 1e-6), "{:.0f} MB", most=130),
)


def check_targets(record: Record) -> list[Row]:
    """Compare the figures with the targets, in words; `reached` is None if the figure was not measured."""
    rows: list[Row] = []
    for target in TARGETS:
        measured, reached = "not measured", None
        try:
            value = target.figure(record)
            measured, reached = target.shown.format(value), target.least <= value <= target.most
        except LookupError:
            pass
        rows.append({"target": target.words, "measured": measured, "reached": reached})
    return rows
