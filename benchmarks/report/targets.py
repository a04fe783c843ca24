"""What the package promises of the variant that ships, on two x86-64 cores, and whether it was reached here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.base.record import Record, find_row
from benchmarks.peers.lineup import OURS

VARIANT, RESOLUTION = "int8", 96


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


@dataclass(frozen=True)
class _Promise:
    """A bound on a figure; `figure` finds it in a record, and raises LookupError where it is not there."""

    words: str
    figure: Callable[[Record], float]
    shown: str
    most: float | None = None
    least: float | None = None


def check_bars(record: Record) -> list[Bar]:
    """Compare a record's figures with the promises."""
    return [_bar(promise, record) for promise in PROMISES]


def _bar(promise: _Promise, record: Record) -> Bar:
    try:
        value = promise.figure(record)
    except LookupError:
        return Bar(promise.words, "not measured", None)
    reached = (promise.most is None or value <= promise.most) and (promise.least is None or value >= promise.least)
    return Bar(promise.words, promise.shown.format(value), reached)


def _inference(record: Record) -> float:
    if record["bundle"]["resolution"] != RESOLUTION:
        raise LookupError("another resolution")
    return float(find_row(record, "latency", variant=VARIANT, threads=1)["ms"]["p50"])


def _of_ours(measurement: str, cores: int, *keys: str) -> Callable[[Record], float]:
    """The figure under the keys, of the variant that ships, on so many cores."""

    def figure(record: Record) -> float:
        value: Any = find_row(record, measurement, variant=VARIANT, cores=cores)
        for key in keys:
            value = value[key]
        if value is None:
            raise LookupError(measurement)
        return float(value)

    return figure


def _times_fer(cores: int) -> Callable[[Record], float]:
    def figure(record: Record) -> float:
        ours, fer = (find_row(record, "peers", name=name, cores=cores)["fps"]["p50"] for name in (OURS, "fer"))
        return float(ours / fer)

    return figure


def _eight_faces(record: Record) -> float:
    eight, one = (find_row(record, "crowd", variant=VARIANT, faces=faces)["ms"]["p50"] for faces in (8, 1))
    return float(eight / one)


def _more(output: str) -> Callable[[Record], float]:
    return lambda record: float(find_row(record, "outputs", output=output)["more"])


def _worst_fed(record: Record) -> float:
    shares = [float(row["share"]) for row in record["figures"].get("training", ())]
    if not shares:
        raise LookupError("training")
    return min(shares)


PROMISES = (
    _Promise(f"{VARIANT} at {RESOLUTION}×{RESOLUTION}, one thread, median ≤ 1.0 ms", _inference, "{:.3f} ms", most=1.0),
    _Promise("pipeline, two cores, ≥ 150 FPS", _of_ours("pipeline", 2, "fps", "p50"), "{:.0f} FPS", least=150),
    _Promise("two cores, ≥ 10 times fer's FPS", _times_fer(2), "{:.2f} times", least=10),
    _Promise("one core, ≥ 8 times fer's FPS", _times_fer(1), "{:.2f} times", least=8),
    _Promise("outside decoding and networks, one core, ≤ 15%", _of_ours("stages", 1, "overhead"), "{:.1%}", most=0.15),
    _Promise("≥ 90% of the slowest stage, two cores", _of_ours("stages", 2, "of_slowest"), "{:.0%}", least=0.9),
    _Promise(
        "30 FPS live, two cores, p99 of frame age ≤ 60 ms",
        _of_ours("live", 2, "age_p99_ms", "p50"),
        "{:.0f} ms",
        most=60,
    ),
    _Promise("30 FPS live, ≤ 35% of one core", _of_ours("live", 2, "cpu", "p50"), "{:.0%}", most=0.35),
    _Promise("eight faces cost ≤ 3 times one", _eight_faces, "{:.1f} times", most=3.0),
    _Promise("live page without a viewer ≤ 2% of a core", _more("--web, nobody looks"), "{:.1%}", most=0.02),
    _Promise("live page with one viewer, 640×480 at 15 FPS, ≤ 15%", _more("--web, one viewer"), "{:.1%}", most=0.15),
    _Promise(
        "first record ≤ 1.0 s after the start", _of_ours("pipeline", 2, "first_record", "p50"), "{:.2f} s", most=1
    ),
    _Promise("training, every preset ≥ 95% of bare steps", _worst_fed, "{:.1%}", least=0.95),
    _Promise(
        "peak memory ≤ 200 MB", lambda record: _of_ours("pipeline", 2, "peak")(record) / 1e6, "{:.0f} MB", most=200
    ),
)
