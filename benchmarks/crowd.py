"""What more faces in the picture cost.

    python -m benchmarks.crowd FOLDER VARIANT FACES WIDTH ANSWER

is the process that is measured; it leaves the figures of one run in the file ANSWER.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import cv2

from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.process import run_module
from benchmarks.scenes import FRAMES, WIDTH, Scenes, run_scenes
from edge.bundle import Bundle
from edge.machine import usable_cores
from edge.options import Options
from edge.recognize import Recognizer

FACES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Crowd:
    """One variant with a number of faces in the picture.

    Attributes:
        variant: which.
        cores: that the process was allowed to use.
        faces: in the picture.
        found: share of them that were found, over all frames.
        ms: milliseconds a frame, of each run.
    """

    variant: str
    cores: int
    faces: int
    found: float
    ms: Distribution


def measure_crowd(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Crowd]:
    """Run every variant on every number of faces, in turns.

    Args:
        bundles: by variant.
        cores: that a process may use.
        rounds: runs of each.
    """
    cases = {
        (variant, n): partial(run_module, "benchmarks.crowd", [bundle.folder.resolve(), variant, n, WIDTH], cores)
        for (variant, bundle), n in product(bundles.items(), FACES)
    }
    return [
        Crowd(variant, cores, n, min(run["found"] for run in runs), distribution(run["ms"] for run in runs))
        for (variant, n), runs in interleave("crowd", cases, rounds).items()
    ]


def main() -> int:
    """Be the process that is measured."""
    folder, variant, answer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[5])
    faces, width = int(sys.argv[3]), int(sys.argv[4])
    cv2.setNumThreads(max(1, usable_cores() - 1))  # as `emotion-edge run`
    recognizer = Recognizer.from_options(Options(model=folder, variant=variant))
    found, ms = run_scenes(Scenes(faces, width), recognizer)
    answer.write_text(json.dumps({"found": found / (faces * FRAMES), "ms": ms}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
