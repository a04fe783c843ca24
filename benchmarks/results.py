"""All figures of one run, and the JSON that keeps them.

The file holds one object (times in the unit that the key names, else seconds; memory and sizes in bytes; shares from
0 to 1; a distribution has `n`, `mean`, `minimum`, `p50`, `p95`, `p99` and `maximum`):

    schema_version   1; raised when a key changes its meaning or goes
    created          UTC, ISO 8601
    machine          see `benchmarks.machine.Machine`
    settings         rounds, threads, cores, clip, split, and how long the warm-up and a turn are
    bundle           name, input_size, resolution; variants: by name sha256 and bytes; absent: names
    latency          list, see `benchmarks.latency.Latency`
    memory           list, see `benchmarks.memory.Memory`
    accuracy         list, see `benchmarks.accuracy.Accuracy`; null where no data set was named
    pipeline         list, see `benchmarks.pipeline.Pipeline`, with every run
    bars             list of promise, measured, reached (null where not measured)
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from benchmarks.accuracy import Accuracy
from benchmarks.bars import Bar
from benchmarks.contenders import Contenders
from benchmarks.latency import Latency
from benchmarks.machine import Machine
from benchmarks.memory import Memory
from benchmarks.pipeline import Pipeline

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        rounds: turns of every contender in every measurement.
        threads: numbers of threads of an inference.
        cores: numbers of cores that the pipeline was given.
        clip: the video's name.
        split: of the data set, None without one.
        warm_up: seconds before each turn of the latency that do not count.
        burst: seconds of a turn.
    """

    rounds: int
    threads: tuple[int, ...]
    cores: tuple[int, ...]
    clip: str
    split: str | None
    warm_up: float
    burst: float


@dataclass(frozen=True)
class Results:
    """Everything that one run of the benchmarks found. `accuracy` is None where no data set was named."""

    created: datetime
    machine: Machine
    settings: Settings
    contenders: Contenders
    latency: list[Latency]
    memory: list[Memory]
    accuracy: list[Accuracy] | None
    pipeline: list[Pipeline]
    bars: list[Bar]

    def file_name(self) -> str:
        """By the time, so that runs stand side by side in the order they were made."""
        return f"{self.created:%Y%m%dT%H%M%SZ}.json"

    def record(self) -> dict[str, Any]:
        """Plain values for JSON, as the module's text describes them, with six decimals."""
        record = {
            "schema_version": SCHEMA_VERSION,
            "created": self.created.isoformat(timespec="seconds"),
            "machine": asdict(self.machine),
            "settings": asdict(self.settings),
            "bundle": _bundle(self.contenders),
            "latency": [asdict(figure) for figure in self.latency],
            "memory": [asdict(figure) for figure in self.memory],
            "accuracy": None if self.accuracy is None else [asdict(figure) for figure in self.accuracy],
            "pipeline": [asdict(figure) for figure in self.pipeline],
            "bars": [asdict(bar) for bar in self.bars],
        }
        return _rounded(record)


def _bundle(contenders: Contenders) -> dict[str, Any]:
    return {
        "name": contenders.name,
        "input_size": contenders.input_size,
        "resolution": contenders.resolution,
        "variants": {
            variant: {"sha256": hashlib.sha256(bundle.model).hexdigest(), "bytes": len(bundle.model)}
            for variant, bundle in contenders.bundles.items()
        },
        "absent": list(contenders.absent),
    }


def _rounded(value: Any) -> Any:
    """The same with six decimals: a nanosecond of a figure in ms, and no float noise."""
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value
