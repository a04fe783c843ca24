"""Peak memory of a fresh process that loads one model and runs it.

    python -m benchmarks.measure.memory [FOLDER VARIANT]

is that process; without arguments it loads the runtime and no model, which is what the others are compared with.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.base.harness import interleave
from benchmarks.base.process import run_fresh
from edge.model.bundle import Bundle, load_bundle
from edge.model.classifier import EmotionClassifier
from edge.model.interpreter import runtime

INFERENCES = 20
"""More than enough for every buffer to be made."""


@dataclass(frozen=True)
class Memory:
    """One variant.

    Attributes:
        variant: which; None for the same process without a model.
        file: bytes of the model's file, None without a model.
        peak: the most bytes of RAM that the process had at any time, in the worst of its runs.
        runs: that of each run.
    """

    variant: str | None
    file: int | None
    peak: int
    runs: tuple[int, ...]


def measure_memory(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Memory]:
    """Load and run each variant in processes of its own, and none in others."""
    arguments: dict[str | None, list[str]] = {None: []}
    arguments |= {variant: [str(bundle.folder.resolve()), variant] for variant, bundle in bundles.items()}
    command = [sys.executable, "-m", "benchmarks.measure.memory"]
    cases = {variant: partial(run_fresh, [*command, *which], cores) for variant, which in arguments.items()}
    results = {v: tuple(usage.peak for usage in usages) for v, usages in interleave("memory", cases, rounds).items()}
    sizes = {variant: len(bundle.model) for variant, bundle in bundles.items()}
    return [Memory(v, sizes.get(v or ""), max(peaks), peaks) for v, peaks in results.items()]


def main() -> int:
    """Run the measured process."""
    if not sys.argv[1:]:
        runtime()
        return 0
    bundle = load_bundle(Path(sys.argv[1]), sys.argv[2])
    classifier = EmotionClassifier.from_bundle(bundle)
    faces = np.zeros((INFERENCES, bundle.input_size, bundle.input_size, 3), np.uint8)
    classifier.classify(faces)
    return 0


if __name__ == "__main__":
    sys.exit(main())
