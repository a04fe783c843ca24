"""Counts that do not depend on the machine's speed: bytes, operators and, with valgrind, instructions.

    python -m benchmarks.measure.counts FOLDER VARIANT INFERENCES

is the process whose instructions are counted. Valgrind shows programs one and the same processor wherever it runs, so
its counts can be compared from machine to machine; they are of the kernels for that processor (AVX2 on x86-64).
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.base.graph import operators
from benchmarks.base.process import ROOT
from benchmarks.base.scenes import Scenes
from edge.base.errors import UserError
from edge.base.settings import Options
from edge.faces.recognizer import Recognizer
from edge.model.bundle import Bundle, load_bundle
from edge.model.classifier import EmotionClassifier

log = logging.getLogger(__name__)

SETTLED = 10
"""Frames after which nothing is made for the first time any more."""

FEW, MANY = 1, 401
"""Inferences of two runs under valgrind, whose difference leaves the start out: that differs by some ten million."""

TIME_OUT = 600
"""Seconds for one of them: valgrind is some fifty times slower."""

REMEDY = "count on another machine, or without valgrind"


@dataclass(frozen=True)
class Counts:
    """One variant.

    Attributes:
        variant: which.
        size: bytes of the file.
        operators: how many of each kind its graph has.
        operations: how many those are together.
        frame: the most bytes that Python and numpy hold for a frame of 1280×720 with one face, beside the frame itself
            and what OpenCV allocates.
        instructions: of one inference on one thread; None without valgrind, and for variants that do not ship.
    """

    variant: str
    size: int
    operators: dict[str, int]
    operations: int
    frame: int
    instructions: int | None


def measure_counts(bundles: Mapping[str, Bundle], shipping: str) -> list[Counts]:
    """Count for every variant.

    Args:
        bundles: by variant.
        shipping: the one whose instructions are counted, which takes most of a minute.
    """
    return [_counts(variant, bundle, variant == shipping) for variant, bundle in bundles.items()]


def _counts(variant: str, bundle: Bundle, ships: bool) -> Counts:
    kinds, counted = kinds_of_operators(bundle.model), instructions(bundle) if ships else None
    return Counts(variant, len(bundle.model), kinds, sum(kinds.values()), frame_bytes(bundle), counted)


def kinds_of_operators(model: bytes) -> dict[str, int]:
    """Number of operators of each kind in a model."""
    return dict(sorted(Counter(operator.kind for operator in operators(model)).items()))


def frame_bytes(bundle: Bundle) -> int:
    """The most that one frame takes on its way from the source to the result, of ten that are like one another."""
    recognizer, source = Recognizer.from_options(Options(model=bundle.folder, variant=bundle.variant)), Scenes(1)
    peaks = []
    for i in range(2 * SETTLED):
        frame = source.read()
        assert frame is not None, "a recording has its frames"
        if i == SETTLED:
            tracemalloc.start()
        if i >= SETTLED:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
        recognizer.classify(recognizer.detect(frame))
        if i >= SETTLED:
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    return int(np.median(peaks))


def instructions(bundle: Bundle) -> int | None:
    """Instructions of one inference, counted by valgrind where it is installed.

    Raises:
        UserError: it cannot run one.
    """
    if shutil.which("valgrind") is None:
        log.warning("instructions: not counted: valgrind is not installed")
        return None
    few, many = (_counted(bundle, n) for n in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def _counted(bundle: Bundle, inferences: int) -> int:
    program = [
        sys.executable,
        "-m",
        "benchmarks.measure.counts",
        str(bundle.folder.resolve()),
        bundle.variant,
        str(inferences),
    ]
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *program]
    same = os.environ | {"PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=same, timeout=TIME_OUT, check=True)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"valgrind was not through with an inference in {TIME_OUT} s", REMEDY) from error
    except subprocess.CalledProcessError as error:  # it does not know all instructions of every processor
        raise UserError(f"an inference in valgrind ended with status {error.returncode}", REMEDY) from error
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, "cachegrind ends with a summary"
    return int(found[1].replace(",", ""))


def main() -> int:
    """Run the counted process."""
    bundle = load_bundle(Path(sys.argv[1]), sys.argv[2])
    classifier = EmotionClassifier.from_bundle(bundle)
    classifier.classify(np.zeros((int(sys.argv[3]), bundle.input_size, bundle.input_size, 3), np.uint8))
    return 0


if __name__ == "__main__":
    sys.exit(main())
