"""Targets of the variant that ships, on two x86-64 cores."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from benchmarks.base.record import Record, find_row, rows_of
from benchmarks.peers.lineup import OURS

VARIANT, RESOLUTION = "int8", 96


@dataclass(frozen=True)
class Result:
    """A target and what was measured.

    Attributes:
        target: in words.
        measured: in words.
        reached: None where it was not measured.
    """

    target: str
    measured: str
    reached: bool | None


class Target(NamedTuple):
    """A bound on a figure; `figure` finds it in a record, and raises LookupError where it is not there."""

    words: str
    figure: Callable[[Record], float]
    shown: str
    most: float = float("inf")
    least: float = float("-inf")

    def check(self, record: Record) -> Result:
        try:
            value = self.figure(record)
        except LookupError:
            return Result(self.words, "not measured", None)
        return Result(self.words, self.shown.format(value), self.least <= value <= self.most)


def check_targets(record: Record) -> list[Result]:
    """Compare a record's figures with the targets."""
    return [target.check(record) for target in TARGETS]


def _figure(measurement: str, keys: str, variant: str | None = VARIANT, **which: Any) -> Callable[[Record], float]:
    """Finder of the figure under keys joined by dots, in the row with these values."""

    def find(record: Record) -> float:
        value: Any = find_row(record, measurement, **({"variant": variant} if variant else {}), **which)
        for key in keys.split("."):
            value = value[key]
        if value is None:
            raise LookupError(measurement)
        return float(value)

    return find


def _inference(record: Record) -> float:
    if record["bundle"]["resolution"] != RESOLUTION:
        raise LookupError("another resolution")
    return _figure("latency", "ms.p50", threads=1)(record)


def _times_fer(cores: int, record: Record) -> float:
    ours, fer = (_figure("peers", "fps.p50", None, name=name, cores=cores)(record) for name in (OURS, "fer"))
    return ours / fer


def _eight_faces(record: Record) -> float:
    eight, one = (_figure("face-count", "ms.p50", faces=faces)(record) for faces in (8, 1))
    return eight / one


def _worst_fed(record: Record) -> float:
    shares = [float(row["share"]) for row in rows_of(record, "training")]
    if not shares:
        raise LookupError("training")
    return min(shares)


def _peak(record: Record) -> float:
    return _figure("pipeline", "peak", cores=2)(record) / 1e6


def _output(name: str) -> Callable[[Record], float]:
    return _figure("outputs", "more", None, output=name)


TARGETS = (
    Target(f"{VARIANT} at {RESOLUTION}×{RESOLUTION}, one thread, median ≤ 1.0 ms", _inference, "{:.3f} ms", most=1.0),
    Target("pipeline, two cores, ≥ 150 FPS", _figure("pipeline", "fps.p50", cores=2), "{:.0f} FPS", least=150),
    Target("two cores, ≥ 10 times fer's FPS", partial(_times_fer, 2), "{:.2f} times", least=10),
    Target("one core, ≥ 8 times fer's FPS", partial(_times_fer, 1), "{:.2f} times", least=8),
    Target(
        "outside decoding and networks, one core, ≤ 15%", _figure("stages", "overhead", cores=1), "{:.1%}", most=0.15
    ),
    Target("≥ 90% of the slowest stage, two cores", _figure("stages", "of_slowest", cores=2), "{:.0%}", least=0.9),
    Target(
        "30 FPS live, two cores, p99 of frame age ≤ 60 ms",
        _figure("live", "age_p99_ms.p50", cores=2),
        "{:.0f} ms",
        most=60,
    ),
    Target("30 FPS live, ≤ 35% of one core", _figure("live", "cpu.p50", cores=2), "{:.0%}", most=0.35),
    Target("eight faces cost ≤ 3 times one", _eight_faces, "{:.1f} times", most=3.0),
    Target("live page without a viewer ≤ 2% of a core", _output("--web, nobody looks"), "{:.1%}", most=0.02),
    Target("live page with one viewer, 640×480 at 15 FPS, ≤ 15%", _output("--web, one viewer"), "{:.1%}", most=0.15),
    Target(
        "first record ≤ 1.0 s after the start", _figure("pipeline", "first_record.p50", cores=2), "{:.2f} s", most=1
    ),
    Target("training, every preset ≥ 95% of bare steps", _worst_fed, "{:.1%}", least=0.95),
    Target("peak memory ≤ 200 MB", _peak, "{:.0f} MB", most=200),
)
