"""Measurements by name, and a run of some of them."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.base.machine import current_state
from benchmarks.base.plan import Plan
from benchmarks.base.process import summary
from benchmarks.base.record import PartialResults, Record, keep, new_record, rounded
from benchmarks.base.report_table import ReportTable
from benchmarks.measure import (
    accuracy,
    counts,
    end_to_end,
    latency,
    live,
    memory,
    outputs,
    pipeline,
    scaling,
    stages,
    training,
)
from benchmarks.peers import measure as peers
from benchmarks.targets import check_targets
from edge.base.errors import UserError
from edge.base.text_table import Row

log = logging.getLogger(__name__)


class Measurement(NamedTuple):
    """A measurement and the presentation of its rows; a usual one is part of a run for which none is named."""

    run: Callable[[Plan], Sequence[Row] | PartialResults]
    table: ReportTable
    usual: bool = False


MEASUREMENTS = {
    "counts": Measurement(counts.measure_counts, counts.TABLE),
    "latency": Measurement(latency.measure_latency, latency.TABLE, usual=True),
    "memory": Measurement(memory.measure_memory, memory.TABLE, usual=True),
    "pipeline": Measurement(pipeline.measure_pipeline, pipeline.TABLE, usual=True),
    "stages": Measurement(stages.measure_stages, stages.TABLE, usual=True),
    "live": Measurement(live.measure_live, live.TABLE, usual=True),
    "face-count": Measurement(scaling.measure_face_count, scaling.FACE_COUNT, usual=True),
    "frame-size": Measurement(scaling.measure_frame_size, scaling.FRAME_SIZE, usual=True),
    "outputs": Measurement(outputs.measure_outputs, outputs.TABLE),
    "peers": Measurement(peers.measure_clip, peers.CLIP),
    "peers-model": Measurement(peers.measure_models, peers.MODELS),
    "peers-footprint": Measurement(peers.measure_footprint, peers.FOOTPRINT),
    "training": Measurement(training.measure_training, training.TABLE),
    # Last, because they are long work that warms a board up.
    "end-to-end": Measurement(end_to_end.measure_end_to_end, end_to_end.TABLE),
    "accuracy": Measurement(accuracy.measure_accuracy, accuracy.TABLE, usual=True),
    "peers-accuracy": Measurement(peers.measure_accuracy, peers.ACCURACIES),
}
"""Measurements by name, in the order of a run and of a report."""

NOT_REACHED, FAILED = "the run was ended before it", "it failed"


def measure(plan: Plan, names: Sequence[str], folder: Path) -> Record:
    """Measure, and keep the record after each measurement: what interrupts a run leaves what was found before.

    A bug, or a process that crashes, shows its traceback and costs its own measurement: a run may take hours.

    Args:
        plan: what to measure on.
        names: keys of `MEASUREMENTS`.
        folder: where the record goes.

    Raises:
        UserError: this machine has no TFLite runtime, or the folder cannot be written to.
    """
    record = new_record(plan)
    wanted = [name for name in MEASUREMENTS if name in names]
    record["missing"] = dict.fromkeys(wanted, NOT_REACHED)
    for name in wanted:
        try:
            found = MEASUREMENTS[name].run(plan)
        except UserError as error:
            log.warning("%s: not measured: %s", name, error)
            record["missing"][name] = str(error)
        except Exception as error:
            log.exception("%s: not measured", name)
            record["missing"][name] = f"{FAILED}: {summary(error)}"
        else:
            del record["missing"][name]
            if isinstance(found, PartialResults):
                record["missing"] |= {f"{name}, {who}": why for who, why in found.gaps.items()}
                found = found.rows
            record["figures"][name] = rounded(found)
        record["targets"] = check_targets(record)
        record["states"]["after"] = current_state()
        keep(record, folder)
    return record
