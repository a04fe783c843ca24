"""Shares of faces of known sizes in pictures that are found, labelled and labelled correctly.

The results do not depend on the machine.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import numpy as np

from benchmarks.base.bootstrap import paired_difference
from benchmarks.base.measurement import PIXELS, Measurement, points
from benchmarks.base.plan import Plan
from benchmarks.measure.accuracy import evaluation_data
from benchmarks.measure.face_clips import BACKGROUNDS, IN_A_CLIP, Face, demo_faces, draw_clip, is_at
from edge.base.settings import Options
from edge.base.text_table import Column, Row
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult
from edge.model.classifier import EmotionClassifier
from edge.sources.frame import Frame
from edge.sources.pixels import BgrPixels

log = logging.getLogger(__name__)

RESOLUTIONS = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
FACE_WIDTHS = (16, 20, 24, 28, 32, 40, 48, 64, 96)
"""Pixels of the shorter side of the box: the width of an upright face."""

LABELLED_RESOLUTIONS, LABELLED_SIZES = ((1280, 720),), (24, 32, 48, 64, 96)
MAX_FACES = 400
"""Largest number of faces drawn from a data set."""

TILTS = (0, 20)
"""Degrees; half of the faces are tilted to either side."""

CLIP_FPS, SOON_SECONDS = 15, 1.0
"""Frames per second of a live source, and seconds within which a face must be found."""

WAYS = {"live": round(CLIP_FPS * SOON_SECONDS) + 1, "image": 1}
"""Number of frames, by kind of source."""

Shown = list[FaceResult | None]
"""Last result of each face; None if it was never found."""


def measure_end_to_end(plan: Plan) -> list[Row]:
    """Detect, track, align and classify faces of every size, live and in single images, with the edge's defaults.

    The faces are those of the data set, four in a picture of 1280×720, or without one those of the demo, upright
    and tilted, at every resolution. A row has shares of the `faces`: `found`, live within a second; `labelled`, where
    the edge shows an emotion; and the detections a frame where there is no face (`false_finds`). With a data set it has
    `right`, the share whose most probable emotion is the FER+ majority, the folder's class without votes; `crop_right`,
    of the same crops given to the model as they are; and `difference` of the two, with its interval.
    """
    if plan.data is None:
        faces, scored = demo_faces(), None
        cases, clips = list(product(RESOLUTIONS, TILTS, FACE_WIDTHS, WAYS)), BACKGROUNDS
    else:
        faces, scored = _labelled(plan)
        cases, clips = list(product(LABELLED_RESOLUTIONS, TILTS[:1], LABELLED_SIZES, WAYS)), -(-len(faces) // IN_A_CLIP)
    recognizer = Recognizer.from_options(Options(model=plan.shipping.folder, variant=plan.shipping.variant))
    rows: list[Row] = []
    for (width, height), tilt, size, way in cases:
        log.info("end-to-end: %d×%d, %s, %d pixels, tilted by %d°", width, height, way, size, tilt)
        seen = [_watch(recognizer, faces, (width, height), tilt, size, number, way) for number in range(clips)]
        shown = [result for results, _ in seen for result in results]
        what = {"width": width, "height": height, "tilt": tilt, "size": size, "way": way, "faces": len(shown)}
        false_finds = sum(false for _, false in seen) / clips / WAYS[way]
        rows.append({**what, **_shares(shown), "false_finds": false_finds, **_score(shown, scored)})
    return rows


def _labelled(plan: Plan) -> tuple[list[Face], tuple[np.ndarray, np.ndarray]]:
    """Return the faces with a clear label, their labels, and True where the model is right on the crop."""
    data, bundle = evaluation_data(plan), plan.shipping
    classes = data.split.classes if data.ferplus is None else data.ferplus
    clear = np.random.default_rng(0).permutation(np.flatnonzero(classes >= 0))[:MAX_FACES]
    clear = clear[: len(clear) // IN_A_CLIP * IN_A_CLIP]
    crops, side, (x, y, w, h) = data.split.images[clear], bundle.input_size, bundle.template.box
    faces = [Face(crop[..., ::-1], (x * side, y * side, w * side, h * side)) for crop in crops]
    right = EmotionClassifier.from_bundle(bundle).classify(crops).argmax(axis=1) == classes[clear]
    return faces, (classes[clear], right)


def _watch(
    recognizer: Recognizer,
    faces: Sequence[Face],
    resolution: tuple[int, int],
    tilt: int,
    size: int,
    number: int,
    way: str,
) -> tuple[Shown, int]:
    """Return the results of the faces of one clip, and the number of false detections over all frames."""
    clip = draw_clip(faces, *resolution, tilt, size, number)
    shown: Shown = [None] * len(clip.centres)
    false = 0
    recognizer.reset()
    recognizer.set_live(way == "live")
    for i in range(WAYS[way]):
        frame = Frame(i / CLIP_FPS, BgrPixels(clip.frame(i, *resolution)), "generated", 0.0)
        centres = [(x - i, y - i) for x, y in clip.centres]
        for result in recognizer.classify(recognizer.detect(frame)).faces:
            at = next((n for n, centre in enumerate(centres) if is_at(result.box, centre, size)), None)
            if at is None:
                false += 1
            else:
                shown[at] = result
    return shown, false


def _shares(shown: Shown) -> Row:
    found = [result is not None for result in shown]
    labelled = [result is not None and result.label is not None for result in shown]
    return {"found": float(np.mean(found)), "labelled": float(np.mean(labelled))}


def _score(shown: Shown, scored: tuple[np.ndarray, np.ndarray] | None) -> Row:
    if scored is None:
        return dict.fromkeys(("right", "crop_right", "difference"))
    classes, on_crops = scored
    right = np.array([_most_probable(result) for result in shown]) == classes
    difference = asdict(paired_difference(right, on_crops))
    return {"right": float(right.mean()), "crop_right": float(on_crops.mean()), "difference": difference}


def _most_probable(result: FaceResult | None) -> int:
    """Return the most probable class; -1 where the face was not found or not read."""
    return -1 if result is None or result.probabilities is None else int(result.probabilities.argmax())


END_TO_END = Measurement(
    "end-to-end",
    measure_end_to_end,
    "**From the picture to the label**: faces pasted into pictures, by the width of the face; live after a second, in "
    "images at once; shares of all faces, and points against the same crops given to the model as they are, with 95% "
    "confidence intervals",
    (
        PIXELS,
        Column("source", "way"),
        Column("tilt", "tilt", ".0f"),
        Column("face, px", "size"),
        Column("faces", "faces"),
        Column("found", "found", ".1%"),
        Column("false in 100 frames", "false_finds", ".1f", 100),
        Column("labelled", "labelled", ".1%"),
        Column("right", "right", ".1%"),
        Column("right on crops", "crop_right", ".1%"),
        Column("difference, points", points("difference")),
    ),
)
