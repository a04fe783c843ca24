"""Speed of training: epochs beside steps on batches in memory, and the time until a run reaches an accuracy.

    python -m benchmarks.measure.training PRESET ROUNDS ANSWER

is the process that is measured; it leaves its figures in the file ANSWER. It needs TensorFlow.
"""

import csv
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.base.harness import Distribution, distribution
from benchmarks.base.process import run_module
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError

if TYPE_CHECKING:
    from train.config import Config
    from train.dataset import Labelled

log = logging.getLogger(__name__)

STEPS = 12
"""Steps of one turn; that many augmented batches are held in memory."""

GOALS = {"ferplus": 0.80, "fer2013": 0.65}
"""Validation accuracy by kind of label: near the final ones of the small presets."""

HISTORY = "history.csv"


@dataclass(frozen=True)
class Training:
    """One preset, in its first stage.

    Attributes:
        preset: which.
        resolution: pixels of the side that the backbone sees.
        batch: images of one step.
        bare: images a second of steps on batches in memory, of each round.
        fed: images a second of the same steps in an epoch, from its second batch on, that the input pipeline feeds, of
            each round.
        share: the part of the bare rate that is reached, by the medians.
        first_batch: seconds from the beginning of an epoch until its first batch is there, of each round: a fixed cost
            beside the minutes of an epoch, but not beside the few steps that are timed here.
        seconds_to: by the kind of label that the preset learns, seconds of its run until the validation accuracy was
            that of `GOALS`, epochs' validation included, on the machine that the run was made on; None where it never
            was. None altogether where no run of the preset was named.
    """

    preset: str
    resolution: int
    batch: int
    bare: Distribution
    fed: Distribution
    share: float
    first_batch: Distribution
    seconds_to: dict[str, float | None] | None


def measure_training(runs: Sequence[Path], cores: int, rounds: int) -> list[Training]:
    """Train every preset for some steps, and read the histories of runs.

    Args:
        runs: folders, each called after its preset, as `make train` calls them.
        cores: that the process may use.
        rounds: turns of bare steps and of an epoch.

    Raises:
        UserError: TensorFlow is not installed.
    """
    if find_spec("tensorflow") is None:
        raise UserError("training needs TensorFlow", "run \"pip install 'emotion-edge[train]'\"")
    from train.config import presets

    seconds = histories(runs)
    results = []
    for preset in presets():
        log.info("training: %s", preset)
        found = run_module("benchmarks.measure.training", [preset, rounds], cores)
        bare, fed = distribution(found["bare"]), distribution(found["fed"])
        share = fed.p50 / bare.p50
        first = distribution(found["first_batch"])
        results.append(
            Training(preset, found["resolution"], found["batch"], bare, fed, share, first, seconds.get(preset))
        )
    return results


def histories(runs: Sequence[Path]) -> dict[str, dict[str, float | None]]:
    """`seconds_to` of the runs by their folders' names; folders without a run are logged."""
    found = {}
    for run in runs:
        try:
            found[run.name] = seconds_to(run / HISTORY)
        except UserError as error:
            log.warning("training: %s", error)
    return found


def seconds_to(history: Path) -> dict[str, float | None]:
    """Seconds of training until the validation accuracy of each kind of label reached `GOALS`.

    Raises:
        UserError: there is no such file, or another one.
    """
    try:
        with history.open() as stream:
            epochs = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
        return {kind: _first(epochs, kind) for kind in GOALS if f"val_{kind}_accuracy" in epochs[0]}
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise UserError(f"{history}: no history of a training run", "name the folders of runs by --runs") from error


def _first(epochs: Sequence[Mapping[str, float]], kind: str) -> float | None:
    passed = np.cumsum([epoch["seconds"] for epoch in epochs])
    good = [epoch[f"val_{kind}_accuracy"] >= GOALS[kind] for epoch in epochs]
    return float(passed[good.index(True)]) if any(good) else None


def main() -> int:
    """Run the measured process; noise takes as long as faces."""
    preset, rounds, answer = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")  # as `make train`
    from tqdm import tqdm

    from train.config import load_config
    from train.fit import limit_threads
    from train.input_pipeline import batches
    from train.trainer import Trainer

    limit_threads()
    config = load_config(preset)
    training = _noise(config)
    trainer = Trainer(config, 0, len(training.images))
    in_memory = list(batches(config, training, 0))
    figures: dict[str, list[float]] = {"bare": [], "fed": [], "first_batch": []}
    with tqdm(disable=True) as bar:
        trainer.train_epoch(in_memory, 0, bar)  # not counted: the function is traced
        for turn in range(rounds):
            for kind in ("bare", "fed") if turn % 2 else ("fed", "bare"):
                began = time.perf_counter()
                stream = batches(config, training, turn) if kind == "fed" else iter(in_memory)
                first = next(stream)
                started = time.perf_counter()
                trainer.train_epoch(chain([first], stream), turn, bar)
                figures[kind].append(STEPS * config.batch_size / (time.perf_counter() - started))
                figures["first_batch"] += [started - began] * (kind == "fed")
    what = {"resolution": config.stages[0].resolution, "batch": config.batch_size}
    answer.write_text(json.dumps(what | figures))
    return 0


def _noise(config: "Config") -> "Labelled":
    from train.dataset import Labelled

    random, n = np.random.default_rng(0), STEPS * config.batch_size
    images = random.integers(0, 256, (n, config.image_size, config.image_size, config.channels), np.uint8)
    labels = random.dirichlet(np.ones(len(EMOTIONS)), (n, len(config.labels))).astype(np.float32)
    return Labelled(images, labels, "")


if __name__ == "__main__":
    sys.exit(main())
