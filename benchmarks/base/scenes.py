"""Pictures of people who move a little, in memory: a recording that nobody has to decode.

    python -m benchmarks.base.scenes FOLDER VARIANT FACES WIDTH ANSWER

is the process in which the edge answers one; it leaves the figures of the run in the file ANSWER.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.base.harness import Distribution, distribution, interleave
from benchmarks.base.process import run_module
from edge.assets import ASTRONAUT, fetch
from edge.bundle import Bundle
from edge.frames import Frame
from edge.machine import spare_cores
from edge.options import Options
from edge.pipeline import Pipeline
from edge.recognize import Recognizer
from edge.sources.pictures import read_image

FRAMES, FPS = 150, 30.0
DIFFERENT = 20
"""Pictures, each with the people a pixel further; then the first comes again."""

WIDTH, HEIGHT = 1280, 720
COLUMNS, PORTRAIT = 4, 300
"""Portraits stand in two rows of four in a picture of 1280×720; in others everything is larger or smaller."""


class Scenes:
    """A recording of a number of faces."""

    name, live, fps, total = "generated", False, FPS, FRAMES
    duration = damage = None

    def __init__(self, faces: int, width: int = WIDTH) -> None:
        """Draw `faces` people, at most eight, into pictures of 16:9."""
        scale, self._seq = width / WIDTH, 0
        side = round(PORTRAIT * scale)
        portrait = cv2.resize(read_image(fetch(ASTRONAUT)), (side, side), interpolation=cv2.INTER_AREA)
        self._pictures = [_picture(portrait, faces, scale, moved) for moved in range(DIFFERENT)]

    def read(self) -> Frame | None:
        if self._seq == FRAMES:
            return None
        i, self._seq = self._seq, self._seq + 1
        return Frame(i, i / FPS, self._pictures[i % DIFFERENT], self.name, time.monotonic())

    def close(self) -> None:
        self._seq = FRAMES


def measure_scenes(
    what: str, bundles: Mapping[str, Bundle], scenes: Sequence[tuple[int, int]], cores: int, rounds: int
) -> dict[tuple[str, tuple[int, int]], tuple[float, Distribution]]:
    """Run every variant on every recording, interleaved, in fresh processes.

    Args:
        what: is measured.
        bundles: by variant.
        scenes: number of faces and width of each recording.
        cores: that a process may use.
        rounds: runs of each.

    Returns:
        By variant and recording, the share of the faces that was found, in the worst run, and milliseconds a frame, of
        each run.
    """
    cases = {
        (variant, scene): partial(
            run_module, "benchmarks.base.scenes", [bundle.folder.resolve(), variant, *scene], cores
        )
        for variant, bundle in bundles.items()
        for scene in scenes
    }
    return {
        case: (min(run["found"] for run in runs), distribution(run["ms"] for run in runs))
        for case, runs in interleave(what, cases, rounds).items()
    }


def _picture(portrait: np.ndarray, faces: int, scale: float, moved: int) -> np.ndarray:
    side = len(portrait)
    picture = np.full((round(HEIGHT * scale), round(WIDTH * scale), 3), 90, np.uint8)
    for n in range(faces):
        x, y = (round(scale * (moved + place)) for place in ((n % COLUMNS) * 318, (n // COLUMNS) * 350))
        picture[y : y + side, x : x + side] = portrait
    return picture


def main() -> int:
    """Be the process that is measured."""
    folder, variant, answer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[5])
    faces, width = int(sys.argv[3]), int(sys.argv[4])
    cv2.setNumThreads(spare_cores())  # as `emotion-edge run`
    recognizer = Recognizer.from_options(Options(model=folder, variant=variant))
    with Pipeline(Scenes(faces, width), recognizer) as pipeline:
        found = sum(len(result.faces) for result in pipeline)
    answer.write_text(json.dumps({"found": found / (faces * FRAMES), "ms": 1000 / pipeline.statistics.fps()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
