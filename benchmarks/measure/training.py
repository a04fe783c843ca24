"""Speed of training: epochs beside steps on batches in memory. It needs TensorFlow."""

import logging
import os
import time
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.base.harness import distribution
from benchmarks.base.measurement import Measurement, marked
from benchmarks.base.plan import Plan
from benchmarks.base.process import call_fresh
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.text_table import Column, Row

if TYPE_CHECKING:
    from train.config import Config
    from train.dataset import Labelled

log = logging.getLogger(__name__)

STEPS = 12
"""Steps of one turn; that many augmented batches are held in memory."""


def measure_training(plan: Plan) -> list[Row]:
    """Train every preset for some steps of its first stage, each in a fresh process.

    A row has the `resolution` that the backbone sees and the images of a step (`batch`); of each round images a second
    of steps on batches in memory (`bare`) and of the same steps in an epoch that the input pipeline feeds (`fed`, from
    the second batch on); `share`, the part of the bare rate that is reached, by the medians; and seconds until the
    `first_batch` of an epoch is there: a fixed cost beside the minutes of an epoch, but not beside these few steps.

    Raises:
        UserError: TensorFlow is not installed.
    """
    if find_spec("tensorflow") is None:
        raise UserError("training needs TensorFlow", "run \"pip install 'emotion-edge[train]'\"")
    from train.config import presets

    rows: list[Row] = []
    for preset in presets():
        log.info("training: %s", preset)
        found, _ = call_fresh(train_steps, preset, plan.rounds, cores=plan.most_cores)
        figures = {key: distribution(found[key]) for key in ("bare", "fed", "first_batch")}
        share = figures["fed"]["p50"] / figures["bare"]["p50"]
        rows.append({"preset": preset, **found, **figures, "share": share})
    return rows


def train_steps(preset: str, rounds: int) -> Row:
    """Train on noise, which takes as long as faces; the measured process."""
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")  # as `make train`
    from tqdm import tqdm

    from train.config import load_config
    from train.fit import limit_threads
    from train.input_pipeline import batches
    from train.trainer import Trainer

    limit_threads()
    config = load_config(preset)
    training = _noise(config)
    trainer, in_memory = Trainer(config, 0, len(training.images)), list(batches(config, training, 0))
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
    return {"resolution": config.stages[0].resolution, "batch": config.batch_size, **figures}


def _noise(config: "Config") -> "Labelled":
    from train.dataset import Labelled

    random, n = np.random.default_rng(0), STEPS * config.batch_size
    images = random.integers(0, 256, (n, config.image_size, config.image_size, config.channels), np.uint8)
    labels = random.dirichlet(np.ones(len(EMOTIONS)), (n, len(config.labels))).astype(np.float32)
    return Labelled(images, labels, "")


TRAINING = Measurement(
    "training",
    measure_training,
    "**Training**: steps on batches in memory, and the same fed by the input pipeline",
    (
        Column("preset", "preset"),
        Column("first stage", lambda row, rows: f"{row['resolution']}×{row['resolution']}"),
        Column("bare images/s", "bare.p50", ".0f"),
        Column("fed images/s", "fed.p50", ".0f"),
        Column("of bare", lambda row, rows: marked(f"{row['share']:.1%}", row["bare"], row["fed"])),
        Column("first batch s", "first_batch.p50", ".1f"),
    ),
    {"fed": +1},
)
