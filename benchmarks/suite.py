"""The measurements of one run, in their order."""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.accuracy import Examination, measure_accuracy
from benchmarks.bars import check_bars
from benchmarks.contenders import Contenders
from benchmarks.harness import BURST, WARM_UP
from benchmarks.latency import measure_latency
from benchmarks.machine import can_restrict, describe_machine, usable_cores
from benchmarks.memory import measure_memory
from benchmarks.pipeline import measure_pipeline
from benchmarks.results import Results, Settings


def measure(contenders: Contenders, examination: Examination | None, clip: Path, rounds: int) -> Results:
    """Measure everything.

    Args:
        contenders: who takes part.
        examination: what the accuracy is measured on, None without a data set.
        clip: a video for the pipeline.
        rounds: turns of every contender in every measurement.

    Raises:
        UserError: a model cannot be run here, the pipeline refuses the clip, or a dependency is missing.
    """
    created, machine, bundles = datetime.now(UTC), describe_machine(), contenders.bundles
    settings = _settings(examination, clip, rounds)
    cores = max(settings.cores)
    latency = measure_latency(bundles, settings.threads, rounds)
    memory = measure_memory(bundles, cores, rounds)
    pipeline = measure_pipeline(bundles, clip, settings.cores, rounds)
    # Last, because it is long work that warms a board up.
    accuracy = measure_accuracy(bundles, examination, cores) if examination else None
    bars = check_bars(contenders.resolution, latency, pipeline)
    return Results(created, machine, settings, contenders, latency, memory, accuracy, pipeline, bars)


def _settings(examination: Examination | None, clip: Path, rounds: int) -> Settings:
    cores = usable_cores()
    return Settings(
        rounds=rounds,
        threads=tuple(sorted({1, cores})),
        # Two, because that is what the package's promises are about.
        cores=tuple(sorted({1, min(2, cores), cores})) if can_restrict() else (cores,),
        clip=clip.name,
        split=examination.name if examination else None,
        warm_up=WARM_UP,
        burst=BURST,
    )
