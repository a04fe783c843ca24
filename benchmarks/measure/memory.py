"""Peak memory of a fresh process that loads one model and runs it."""

from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.base.harness import interleave
from benchmarks.base.measurement import Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import call_fresh
from edge.base.text_table import Column, Row
from edge.model.bundle import load_bundle
from edge.model.classifier import EmotionClassifier
from edge.model.interpreter import runtime

INFERENCES = 20
"""More than enough for every buffer to be made."""


def measure_memory(plan: Plan) -> list[Row]:
    """Load and run each variant in processes of its own, and no variant (None) in others.

    A row has `file`, bytes of the model's file, and `peak`, the most bytes of RAM that the process had in the worst of
    its `runs`.
    """
    folder, sizes = plan.shipping.folder.resolve(), {v: len(bundle.model) for v, bundle in plan.bundles.items()}

    def peak(variant: str | None) -> int:
        return call_fresh(load_and_run, folder, variant, cores=plan.most_cores)[1].peak

    results = interleave("memory", peak, product((None, *sizes)), plan.rounds)
    return [
        {"variant": variant, "file": sizes.get(variant or ""), "peak": max(peaks), "runs": peaks}
        for (variant,), peaks in results.items()
    ]


def load_and_run(folder: str, variant: str | None) -> None:
    """Load the runtime, and classify some faces; the measured process."""
    if variant is None:
        runtime()
        return
    bundle = load_bundle(Path(folder), variant)
    faces = np.zeros((INFERENCES, bundle.input_size, bundle.input_size, 3), np.uint8)
    EmotionClassifier.from_bundle(bundle).classify(faces)


MEMORY = Measurement(
    "memory",
    measure_memory,
    "**Size**: the file, and the peak of a process that loads the model and runs it",
    (
        Column("variant", lambda row, rows: row["variant"] or "(no model)"),
        Column("file MB", "file", ".2f", 1e-6),
        Column("process MB", "peak", ".0f", 1e-6),
    ),
    usual=True,
)
