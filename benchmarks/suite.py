"""Measurements by name, and a run of some of them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from benchmarks.base.machine_description import current_state
from benchmarks.base.measurement import PartialResults
from benchmarks.base.plan import Plan
from benchmarks.base.process import summary
from benchmarks.base.record import Record, keep, new_record
from benchmarks.measure.accuracy import ACCURACY
from benchmarks.measure.archive import ANALYZED_ARCHIVE
from benchmarks.measure.cameras import SEVERAL_CAMERAS
from benchmarks.measure.counts import COUNTS
from benchmarks.measure.emulated import BOARD_INSTRUCTIONS
from benchmarks.measure.end_to_end import END_TO_END
from benchmarks.measure.label_stability import LABEL_STABILITY
from benchmarks.measure.latency import LATENCY
from benchmarks.measure.live import LIVE
from benchmarks.measure.outputs import OUTPUTS
from benchmarks.measure.scaling import FACE_COUNT, FRAME_SIZE
from benchmarks.measure.stages import STAGES
from benchmarks.measure.throughput import PIPELINE
from benchmarks.peers import measure as peers
from benchmarks.targets import check_targets
from edge.base.errors import UserError

log = logging.getLogger(__name__)


MEASUREMENTS = {
    one.name: one
    for one in (
        *(COUNTS, LATENCY, PIPELINE, STAGES, LIVE, FACE_COUNT, FRAME_SIZE, LABEL_STABILITY, OUTPUTS, SEVERAL_CAMERAS),
        BOARD_INSTRUCTIONS,
        *(peers.CLIP, peers.MODELS_ALONE, peers.FOOTPRINT),
        # Last, because their long load warms a board up.
        *(ANALYZED_ARCHIVE, END_TO_END, ACCURACY, peers.ACCURACIES),
    )
}
"""Measurements by name, in the order of a run and of a report."""

NOT_REACHED, FAILED = "the run was ended before it", "it failed"


def measure(plan: Plan, names: Sequence[str], folder: Path) -> Record:
    """Measure, and save the record after each measurement, so that an interrupted run keeps its results.

    A bug or a crashed process shows its traceback and loses only its own measurement, since a run may take hours.
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
            record["figures"][name] = found
        record["targets"] = check_targets(record)
        record["states"]["after"] = current_state()
        keep(record, folder)
    return record
