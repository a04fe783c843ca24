"""Measurements by name, and a run of some of them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.base.harness import BURST, WARM_UP
from benchmarks.base.machine import can_restrict, current_state
from benchmarks.base.process import summary
from benchmarks.base.record import PartialResults, Record, as_plain, keep, new_record
from benchmarks.base.variants import BundleVariants
from benchmarks.measure.accuracy import EvaluationData, measure_accuracy
from benchmarks.measure.counts import measure_counts
from benchmarks.measure.face_size import measure_face_sizes
from benchmarks.measure.latency import measure_latency
from benchmarks.measure.live import measure_live
from benchmarks.measure.memory import measure_memory
from benchmarks.measure.operators import measure_operators
from benchmarks.measure.outputs import measure_outputs
from benchmarks.measure.pipeline import measure_pipeline
from benchmarks.measure.scaling import measure_face_count, measure_frame_size
from benchmarks.measure.stages import measure_stages
from benchmarks.measure.training import measure_training
from benchmarks.peers.accuracy import measure_peer_accuracy
from benchmarks.peers.clip import measure_peers
from benchmarks.peers.footprint import measure_footprint
from benchmarks.peers.lineup import Lineup, line_up
from benchmarks.peers.model import measure_models
from benchmarks.report.targets import VARIANT, check_targets
from edge.base.errors import UserError
from edge.base.machine import usable_cores
from edge.model.bundle import Bundle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Subjects of the measurements.

    Attributes:
        variants: variants of the bundle.
        evaluation_data: data for the accuracy, or the reason why there is none.
        clip: a video for the pipeline.
        rounds: turns of every variant in every measurement.
        runs: folders of training runs, whose histories are read.
        faces: folder of portraits for the measurement of face sizes; the demo's faces where it is None.
    """

    variants: BundleVariants
    evaluation_data: EvaluationData | UserError
    clip: Path
    rounds: int
    runs: Sequence[Path] = ()
    faces: Path | None = None

    @property
    def bundles(self) -> dict[str, Bundle]:
        return self.variants.bundles

    @property
    def shipping(self) -> Bundle:
        """The variant that ships, for what would take too long with all; the first where it is not there."""
        return self.bundles.get(VARIANT) or next(iter(self.bundles.values()))

    @property
    def default(self) -> dict[str, Bundle]:
        """The same by its name."""
        return {self.shipping.variant: self.shipping}

    @cached_property
    def lineup(self) -> Lineup:
        """The peers, whose environments are made when they are first wanted."""
        return line_up(self.shipping)

    @property
    def threads(self) -> tuple[int, ...]:
        return tuple(sorted({1, usable_cores()}))

    @property
    def cores(self) -> tuple[int, ...]:
        """One, two (the targets' number) and all cores; all alone where a process cannot choose its cores."""
        cores = usable_cores()
        return tuple(sorted({1, min(2, cores), cores})) if can_restrict() else (cores,)

    def settings(self) -> dict[str, Any]:
        """Settings that a record keeps."""
        return {
            "rounds": self.rounds,
            "threads": self.threads,
            "cores": self.cores,
            "clip": self.clip.name,
            "split": self.evaluation_data.name if isinstance(self.evaluation_data, EvaluationData) else None,
            "warm_up": WARM_UP,
            "burst": BURST,
        }


def _evaluation_data(plan: Plan) -> EvaluationData:
    if isinstance(plan.evaluation_data, UserError):
        raise plan.evaluation_data
    return plan.evaluation_data


MEASUREMENTS: dict[str, Callable[[Plan], Sequence[Any] | PartialResults]] = {
    "counts": lambda plan: measure_counts(plan.bundles, plan.shipping.variant),
    "latency": lambda plan: measure_latency(plan.bundles, plan.threads, plan.rounds),
    "operators": lambda plan: measure_operators(plan.bundles, plan.rounds),
    "memory": lambda plan: measure_memory(plan.bundles, max(plan.cores), plan.rounds),
    "pipeline": lambda plan: measure_pipeline(plan.bundles, plan.clip, plan.cores, plan.rounds),
    "stages": lambda plan: measure_stages(plan.default, plan.clip, plan.cores, plan.rounds),
    "live": lambda plan: measure_live(plan.default, plan.clip, plan.cores, plan.rounds),
    "face-count": lambda plan: measure_face_count(plan.default, max(plan.cores), plan.rounds),
    "frame-size": lambda plan: measure_frame_size(plan.default, max(plan.cores), plan.rounds),
    "face-sizes": lambda plan: measure_face_sizes(plan.faces),
    "outputs": lambda plan: measure_outputs(plan.shipping, plan.clip, max(plan.cores), plan.rounds),
    "peers": lambda plan: measure_peers(plan.lineup, plan.shipping, plan.clip, plan.cores, plan.rounds),
    "peers-model": lambda plan: measure_models(plan.lineup, plan.shipping.input_size, min(plan.cores), plan.rounds),
    "peers-footprint": lambda plan: measure_footprint(plan.lineup, plan.shipping, max(plan.cores), plan.rounds),
    "training": lambda plan: measure_training(plan.runs, max(plan.cores), plan.rounds),
    # Last, because they are long work that warms a board up.
    "accuracy": lambda plan: measure_accuracy(plan.bundles, _evaluation_data(plan), max(plan.cores)),
    "peers-accuracy": lambda plan: measure_peer_accuracy(plan.lineup, _evaluation_data(plan), max(plan.cores)),
}
"""Measurements by name, in the order of a run."""

USUAL = ("latency", "operators", "memory", "pipeline", "stages", "live", "face-count", "frame-size", "accuracy")
"""Measurements of a run for which none is named."""

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
    record = new_record(plan.variants, plan.settings())
    wanted = [name for name in MEASUREMENTS if name in names]
    record["missing"] = dict.fromkeys(wanted, NOT_REACHED)
    for name in wanted:
        try:
            found = MEASUREMENTS[name](plan)
            if isinstance(found, PartialResults):
                record["missing"] |= {f"{name}, {who}": why for who, why in found.gaps.items()}
                found = found.rows
            record["figures"][name] = as_plain(found)
            del record["missing"][name]
        except UserError as error:
            log.warning("%s: not measured: %s", name, error)
            record["missing"][name] = str(error)
        except Exception as error:
            log.exception("%s: not measured", name)
            record["missing"][name] = f"{FAILED}: {summary(error)}"
        record["targets"] = as_plain(check_targets(record))
        record["states"]["after"] = as_plain(current_state())
        keep(record, folder)
    return record
