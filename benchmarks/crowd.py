"""What more faces in the picture cost.

    python -m benchmarks.crowd FOLDER VARIANT FACES ANSWER

is the process that is measured; it leaves the figures of one run in the file ANSWER.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.process import run_module
from edge.assets import ASTRONAUT, fetch
from edge.bundle import Bundle
from edge.frames import Frame
from edge.machine import usable_cores
from edge.options import Options
from edge.pipeline import Pipeline
from edge.recognize import Recognizer
from edge.sources.files import read_image

FACES = (1, 2, 4, 8)
FRAMES, FPS = 150, 30.0
COLUMNS, PORTRAIT = 4, 300
"""Portraits stand in two rows of four in a picture of 1280×720, and move a pixel a frame."""


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
        (variant, n): partial(run_module, "benchmarks.crowd", [bundle.folder.resolve(), variant, n], cores)
        for (variant, bundle), n in product(bundles.items(), FACES)
    }
    return [
        Crowd(variant, cores, n, min(run["found"] for run in runs), distribution(run["ms"] for run in runs))
        for (variant, n), runs in interleave("crowd", cases, rounds).items()
    ]


class Scenes:
    """A recording, in memory, of people who move a little."""

    name, live, fps, total = "generated", False, FPS, FRAMES

    def __init__(self, faces: int) -> None:
        self._faces, self._seq = faces, 0
        self._portrait = cv2.resize(read_image(fetch(ASTRONAUT)), (PORTRAIT, PORTRAIT), interpolation=cv2.INTER_AREA)

    def read(self) -> Frame | None:
        if self._seq == FRAMES:
            return None
        i, self._seq = self._seq, self._seq + 1
        return Frame(i, i / FPS, self._scene(i % 20), self.name, time.monotonic())

    def close(self) -> None:
        self._seq = FRAMES

    def _scene(self, moved: int) -> np.ndarray:
        scene = np.full((720, 1280, 3), 90, np.uint8)
        for n in range(self._faces):
            x, y = moved + (n % COLUMNS) * 318, moved + (n // COLUMNS) * 350
            scene[y : y + PORTRAIT, x : x + PORTRAIT] = self._portrait
        return scene


def main() -> int:
    """Be the process that is measured."""
    folder, variant, faces, answer = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    cv2.setNumThreads(max(1, usable_cores() - 1))  # as `emotion-edge run`
    with Pipeline(Scenes(faces), Recognizer.from_options(Options(model=folder, variant=variant))) as pipeline:
        found = sum(len(result.faces) for result in pipeline)
    figures = {"found": found / (faces * FRAMES), "ms": 1000 / pipeline.statistics.fps()}
    answer.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
