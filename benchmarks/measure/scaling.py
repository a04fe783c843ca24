"""Time of a frame by the number of faces in it, and by its size with one face that grows with it."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from benchmarks.base.harness import distributions, interleave
from benchmarks.base.measurement import PIXELS, VARIANT, Measurement, spread
from benchmarks.base.plan import Plan
from benchmarks.base.process import call_fresh
from benchmarks.base.scenes import SCENE_FRAMES, SCENE_WIDTH, Scenes
from edge.base.machine import spare_cores
from edge.base.settings import Options
from edge.base.text_table import Column, Row
from edge.faces.recognizer import Recognizer
from edge.pipeline.pipeline import Pipeline

FACE_COUNTS = (1, 2, 4, 8, 16)
HEIGHT_BY_WIDTH = {320: 180, 640: 360, 1280: 720, 1920: 1080, 3840: 2160}
"""Heights of frames by their widths."""


def measure_face_count(plan: Plan) -> list[Row]:
    """Time frames of 1280×720 with one to sixteen faces, interleaved, in fresh processes; rows as below."""
    return _measure("face-count", plan, [(faces, SCENE_WIDTH) for faces in FACE_COUNTS])


def measure_frame_size(plan: Plan) -> list[Row]:
    """Time frames of five sizes, interleaved, in fresh processes; rows as below."""
    return _measure("frame-size", plan, [(1, width) for width in HEIGHT_BY_WIDTH])


def _measure(name: str, plan: Plan, scenes: Sequence[tuple[int, int]]) -> list[Row]:
    """A row has the share of the faces that were `found` in the worst run, and `ms` a frame of each run."""
    bundle, cores = plan.shipping, plan.most_cores
    what = run_scenes, bundle.folder.resolve(), bundle.variant
    results = interleave(name, lambda *scene: call_fresh(*what, *scene, cores=cores)[0], scenes, plan.rounds)
    return [
        {
            **{
                "variant": bundle.variant,
                "cores": cores,
                "faces": faces,
                "width": width,
                "height": HEIGHT_BY_WIDTH[width],
            },
            "found": min(run["found"] for run in runs),
            **distributions(runs, "ms"),
        }
        for (faces, width), runs in results.items()
    ]


def run_scenes(folder: str, variant: str, faces: int, width: int) -> Row:
    """Run the pipeline on pictures in memory; runs in the measured process."""
    cv2.setNumThreads(spare_cores())  # as `emotion-edge run`
    recognizer = Recognizer.from_options(Options(model=Path(folder), variant=variant))
    with Pipeline(Scenes(faces, width), recognizer) as pipeline:
        found = sum(len(result.faces) for result in pipeline)
    return {"found": found / (faces * SCENE_FRAMES), "ms": 1000 / pipeline.statistics.fps()}


FOUND_AND_TIME = (
    Column("found", "found", ".0%"),
    Column("ms a frame", "ms.p50", ".2f"),
    Column("lowest–highest", spread("ms", ".2f")),
)

FACE_COUNT = Measurement(
    "face-count",
    measure_face_count,
    "**More faces**, 1280×720, from memory",
    (VARIANT, Column("faces", "faces"), *FOUND_AND_TIME),
    {"ms": -1},
    usual=True,
)
FRAME_SIZE = Measurement(
    "frame-size",
    measure_frame_size,
    "**Larger pictures**, one face that grows with them, from memory",
    (PIXELS, VARIANT, *FOUND_AND_TIME),
    {"ms": -1},
    usual=True,
)
