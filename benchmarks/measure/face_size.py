"""Smallest faces: the share that is found, by size, tilt and resolution. It does not depend on the machine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.measure.face_clips import BACKGROUNDS, FRAMES, Clip, draw_clip, find_faces
from edge.base.geometry import Point
from edge.base.settings import Options
from edge.faces.detector import Detection, Detector, open_detector
from edge.faces.roi_search import Search
from edge.faces.tiles import COARSE_SIDE
from edge.faces.tracker import Tracker
from edge.sources.frame import Frame

log = logging.getLogger(__name__)

RESOLUTIONS = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
SIZES = (16, 20, 24, 28, 32, 40, 48, 64, 96)
"""Pixels of the shorter side of the box: the width of an upright face."""

TILTS = (0, 20)
"""Degrees; half of the faces are tilted to either side."""

FPS = 15
SOON = 1.0
"""Seconds in which a live face is to be found."""

NEAR, ALIKE = 0.5, 2.0
"""Limits of a face that counts as found: distance of the centres in sides of its box, and ratio of the sides."""

COARSE = "coarse alone"

WAYS = {"live": (None, True), "recording": (None, False), COARSE: (COARSE_SIDE, False)}
"""Side of the search and whether the source is live."""


@dataclass(frozen=True)
class FaceSize:
    """Faces of one size in pictures of one resolution.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        way: live, recording, or a recording that is searched coarsely alone.
        tilt: degrees.
        size: shorter side of the box, pixels.
        faces: how many there were.
        found: live, the share of the faces that was found within `SOON` seconds; else the share over all frames.
        first: median of the seconds until a face was found, of those that were; None where none was.
        false_finds: detections a frame where there is no face.
    """

    width: int
    height: int
    way: str
    tilt: int
    size: int
    faces: int
    found: float
    first: float | None
    false_finds: float


def measure_face_sizes(folder: Path | None = None) -> list[FaceSize]:
    """Look for faces of every size, upright and tilted, in every resolution.

    Args:
        folder: of portraits whose largest faces are taken; the demo's portrait and clip where it is None.

    Raises:
        UserError: there is no face, or the demo's portrait cannot be fetched.
    """
    faces = find_faces(folder)
    log.info("face sizes: %d faces", len(faces))
    rows: list[FaceSize] = []
    for (width, height), tilt, size in product(RESOLUTIONS, TILTS, SIZES):
        clips = [draw_clip(faces, width, height, tilt, size, seed) for seed in range(BACKGROUNDS)]
        rows += [_measure(clips, width, height, tilt, size, way) for way in WAYS]
        if size == SIZES[-1]:
            log.info("face sizes: %d×%d, tilted by %d°", width, height, tilt)
    return rows


def _measure(clips: Sequence[Clip], width: int, height: int, tilt: int, size: int, way: str) -> FaceSize:
    watched = [_watch(clip, width, height, size, *WAYS[way]) for clip in clips]
    seen = np.concatenate([found for found, _ in watched], axis=1)
    first = [float(column.argmax()) / FPS for column in seen.T if column.any()]
    soon = seen[: round(SOON * FPS) + 1].any(axis=0)
    return FaceSize(
        width,
        height,
        way,
        tilt,
        size,
        seen.shape[1],
        float((soon if way == "live" else seen).mean()),
        float(np.median(first)) if first else None,
        float(np.mean([false for _, false in watched])) / FRAMES,
    )


def _watch(clip: Clip, width: int, height: int, size: int, side: int | None, live: bool) -> tuple[np.ndarray, int]:
    """Faces that are found in each frame, bool `[FRAMES, faces]`, and how many others over all frames."""
    search = Search(_detector, side, Options().detect_interval)
    search.keep_up(live)
    tracker, seen, false = Tracker(), np.zeros((FRAMES, len(clip.centres)), bool), 0
    for i in range(FRAMES):
        time = i / FPS
        frame = Frame(i, time, clip.frame(i, width, height), "generated", 0.0)
        found = search.find(frame, [track.expected(time) for track in tracker.found_last])
        tracker.update(found, time)
        true = [[_is_at(face, (x - i, y - i), size) for x, y in clip.centres] for face in found]
        seen[i] = np.any(true, axis=0) if true else False
        false += sum(not any(places) for places in true)
    return seen, false


@cache
def _detector(side: int) -> Detector:
    """Clips share their detectors: to plan the network for a new shape takes as long as a search."""
    return open_detector("yunet", side)


def _is_at(face: Detection, centre: Point, size: int) -> bool:
    x, y, w, h = face.box
    away = max(abs(x + w / 2 - centre[0]), abs(y + h / 2 - centre[1]))
    return away <= NEAR * size and size / ALIKE <= min(w, h) <= size * ALIKE
