"""Counts that do not depend on the machine's speed: bytes, operators and, with valgrind, instructions.

Valgrind emulates the same processor everywhere, so its counts can be compared from machine to
machine; they are those of the kernels for that processor (AVX2 on x86-64).
"""

import logging
import os
import re
import shutil
import subprocess
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.base.measurement import VARIANT, Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import ROOT, call_command
from benchmarks.base.scenes import Scenes
from edge.base.errors import UserError
from edge.base.settings import Options
from edge.base.text_table import Column, Row
from edge.faces.recognizer import Recognizer
from edge.model.bundle import Bundle, load_bundle
from edge.model.classifier import EmotionClassifier
from export.graph import Graph

log = logging.getLogger(__name__)

SETTLED = 10
"""Frames after which all lazy initialization is done."""

FEW, MANY = 1, 401
"""Inferences of two runs under valgrind; the difference excludes the start, which varies by some ten million."""

VALGRIND_TIMEOUT = 600
"""Seconds for each run; valgrind is about fifty times slower."""

REMEDY = "count on another machine, or without valgrind"


def measure_counts(plan: Plan) -> list[Row]:
    """Count for every variant.

    A row has `size`, bytes of the file; `operators`, the number of each kind in its graph, and `operations`, their
    total; `frame`, the most bytes that Python and numpy hold for a frame of 1280×720 with one face, beside
    the frame itself and what OpenCV allocates; `instructions` of one inference on one thread, counted for the variant
    that ships alone: it takes most of a minute.
    """
    rows: list[Row] = []
    for variant, bundle in plan.bundles.items():
        kinds = Counter(operator.kind for operator in Graph(bundle.model).operators())
        rows.append(
            {
                "variant": variant,
                "size": len(bundle.model),
                "operators": dict(sorted(kinds.items())),
                "operations": kinds.total(),
                "frame": frame_bytes(bundle),
                "instructions": instructions(bundle) if bundle is plan.shipping else None,
            }
        )
    return rows


def frame_bytes(bundle: Bundle) -> int:
    """Return the largest number of bytes for one frame from the source to the result, of ten similar frames."""
    recognizer, source = Recognizer.from_options(Options(model=bundle.folder, variant=bundle.variant)), Scenes(1)
    frames = [source.read() for _ in range(2 * SETTLED)]
    peaks = []
    for i, frame in enumerate(frames):
        assert frame is not None, "a recording has its frames"
        if i == SETTLED:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        recognizer.classify(recognizer.detect(frame))
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    return int(np.median(peaks[SETTLED:]))


def instructions(bundle: Bundle) -> int | None:
    """Count the instructions of one inference with valgrind; None if it is not installed."""
    if shutil.which("valgrind") is None:
        log.warning("instructions: not counted: valgrind is not installed")
        return None
    few, many = (_counted(bundle, n) for n in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def _counted(bundle: Bundle, inferences: int) -> int:
    program = call_command(classify_blanks, bundle.folder.resolve(), bundle.variant, inferences)
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *program]
    same = os.environ | {"PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=same, timeout=VALGRIND_TIMEOUT, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"valgrind did not finish an inference within {VALGRIND_TIMEOUT} s", REMEDY) from error
    except subprocess.CalledProcessError as error:  # valgrind does not know all instructions of every processor
        raise UserError(f"an inference in valgrind ended with status {error.returncode}", REMEDY) from error
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, "cachegrind ends with a summary"
    return int(found[1].replace(",", ""))


def classify_blanks(folder: str, variant: str, inferences: int) -> None:
    """Classify black faces; runs in the counted process."""
    bundle = load_bundle(Path(folder), variant)
    faces = np.zeros((inferences, bundle.input_size, bundle.input_size, 3), np.uint8)
    EmotionClassifier.from_bundle(bundle).classify(faces)


COUNTS = Measurement(
    "counts",
    measure_counts,
    "**Counts** that do not depend on the machine's speed; instructions of one inference, by valgrind",
    (
        VARIANT,
        Column("file, bytes", "size", ","),
        Column("bytes a frame", "frame", ","),
        Column("million instructions", "instructions", ".1f", 1e-6),
        Column("operators", lambda row, rows: ", ".join(f"{n} {kind}" for kind, n in row["operators"].items())),
    ),
    {"size": -1, "operations": -1, "frame": -1, "instructions": -1},
)
