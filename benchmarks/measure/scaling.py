"""Time of a frame by the number of faces in it, and by its size with one face that grows with it.

    python -m benchmarks.measure.scaling FOLDER VARIANT FACES WIDTH ANSWER

is the measured process; it leaves its figures in the file ANSWER.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import cv2

from benchmarks.base.harness import Distribution, distribution, interleave
from benchmarks.base.process import run_module
from benchmarks.base.scenes import FRAMES, WIDTH, Scenes
from edge.base.machine import spare_cores
from edge.base.settings import Options
from edge.faces.recognizer import Recognizer
from edge.model.bundle import Bundle
from edge.pipeline.pipeline import Pipeline

FACES = (1, 2, 4, 8)
SIZES = ((320, 180), (640, 360), (1280, 720), (1920, 1080))


@dataclass(frozen=True)
class Scaling:
    """One variant on frames of one kind.

    Attributes:
        variant: name of the variant.
        cores: number of cores that the process may use.
        faces: number of faces in a frame.
        width: of the frame, pixels.
        height: of the frame, pixels.
        found: share of the faces that were found, in the worst run.
        ms: milliseconds a frame, of each run.
    """

    variant: str
    cores: int
    faces: int
    width: int
    height: int
    found: float
    ms: Distribution


def measure_face_count(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Scaling]:
    """Time frames of 1280×720 with one to eight faces, interleaved, in fresh processes."""
    return _measure("face-count", bundles, [(faces, WIDTH) for faces in FACES], cores, rounds)


def measure_frame_size(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Scaling]:
    """Time frames of four sizes, interleaved, in fresh processes."""
    return _measure("frame-size", bundles, [(1, width) for width, _ in SIZES], cores, rounds)


def _measure(
    name: str, bundles: Mapping[str, Bundle], scenes: Sequence[tuple[int, int]], cores: int, rounds: int
) -> list[Scaling]:
    cases = {
        (variant, *scene): partial(
            run_module, "benchmarks.measure.scaling", [bundle.folder.resolve(), variant, *scene], cores
        )
        for (variant, bundle), scene in product(bundles.items(), scenes)
    }
    results = interleave(name, cases, rounds)
    return [_scaling(variant, cores, faces, width, runs) for (variant, faces, width), runs in results.items()]


def _scaling(variant: str, cores: int, faces: int, width: int, runs: Sequence[dict[str, Any]]) -> Scaling:
    found, ms = min(run["found"] for run in runs), distribution(run["ms"] for run in runs)
    return Scaling(variant, cores, faces, width, dict(SIZES)[width], found, ms)


def main() -> int:
    """Run the measured process."""
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
