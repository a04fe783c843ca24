"""Slowly moving pictures of faces of a given size and tilt over plain and textured backgrounds."""

import logging
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from itertools import cycle, islice, product
from typing import NamedTuple

import cv2
import numpy as np

from edge.base.assets import ASTRONAUT, EXPRESSIONS, fetch
from edge.base.errors import UserError
from edge.base.geometry import Box
from edge.faces.detector import open_detector
from edge.sources import open_source
from edge.sources.pictures import read_image

log = logging.getLogger(__name__)

CLIP_FRAMES = 30

BACKGROUNDS = 3
"""Different backgrounds: one plain, the others textured."""

CLIP_COLUMNS, CLIP_ROWS = 2, 2
IN_A_CLIP = CLIP_COLUMNS * CLIP_ROWS
"""Faces of one clip, one in each part of the picture."""

SHOWN_MARGIN = 0.2
"""Margin around a face, as a share of its box on each side."""

FROM_CLIP, FRAMES_APART = 4, 110
"""Faces taken from the demo's clip."""

NEAR, ALIKE = 0.5, 2.0
"""Limits for a found face: distance of the centres in sides of its box, and ratio of the sides."""


Centre = tuple[float, float]
"""(x, y), pixels."""


class Face(NamedTuple):
    """A face with its surroundings, uint8 BGR, and its box."""

    image: np.ndarray
    box: Box


class Clip(NamedTuple):
    """A picture in which a window moves by a pixel per frame, and the centres of its faces."""

    canvas: np.ndarray
    centres: list[Centre]

    def frame(self, i: int, width: int, height: int) -> np.ndarray:
        return self.canvas[i : i + height, i : i + width]


def draw_clip(faces: Sequence[Face], width: int, height: int, tilt: int, size: int, number: int) -> Clip:
    """Draw four faces at random places in the quarters of a background; other clip numbers have the next four."""
    chance = np.random.default_rng(number)
    canvas = _background(width + CLIP_FRAMES, height + CLIP_FRAMES, number % BACKGROUNDS).copy()
    chosen = islice(cycle(faces), number * IN_A_CLIP, (number + 1) * IN_A_CLIP)
    centres = []
    for (column, row), face in zip(product(range(CLIP_COLUMNS), range(CLIP_ROWS)), chosen, strict=False):
        part, middle = _scaled(face, size, tilt * chance.choice((-1, 1)))
        free_x, free_y = (
            width // CLIP_COLUMNS - CLIP_FRAMES - part.shape[1],
            height // CLIP_ROWS - CLIP_FRAMES - part.shape[0],
        )
        x = column * width // CLIP_COLUMNS + CLIP_FRAMES + int(chance.integers(0, max(1, free_x)))
        y = row * height // CLIP_ROWS + CLIP_FRAMES + int(chance.integers(0, max(1, free_y)))
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
        centres.append((x + middle[0], y + middle[1]))
    return Clip(canvas, centres)


def is_at(box: Box, centre: Centre, size: int) -> bool:
    """Return True if a box matches the face of this size and centre."""
    x, y, w, h = box
    away = max(abs(x + w / 2 - centre[0]), abs(y + h / 2 - centre[1]))
    return away <= NEAR * size and size / ALIKE <= min(w, h) <= size * ALIKE


def _scaled(face: Face, size: int, tilt: float) -> tuple[np.ndarray, Centre]:
    """Scale a face with its surroundings and rotate it about its centre; return it with the new centre."""
    x, y, w, h = face.box
    scale = size / min(w, h)
    fitting = min(1.0, 2 * scale)
    near = cv2.resize(face.image, None, fx=fitting, fy=fitting, interpolation=cv2.INTER_AREA)
    shown = round(scale * (1 + 2 * SHOWN_MARGIN) * w), round(scale * (1 + 2 * SHOWN_MARGIN) * h)
    middle = shown[0] / 2, shown[1] / 2
    centre = fitting * (x + w / 2), fitting * (y + h / 2)
    turn = cv2.getRotationMatrix2D(centre, tilt, scale / fitting)
    turn[:, 2] = turn[:, 2] + np.array(middle) - centre
    return cv2.warpAffine(near, turn, shown, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), middle


@lru_cache(BACKGROUNDS)
def _background(width: int, height: int, seed: int) -> np.ndarray:
    """Draw a background: one colour with sensor noise, or clouds of all sizes with lines and discs."""
    chance = np.random.default_rng(seed)
    canvas: np.ndarray = np.full((height, width, 3), chance.integers(60, 180, 3), np.float32)
    if seed > 0:
        for cell in (256, 64, 16, 4):
            cells = chance.normal(0, 18, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
            canvas += cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
        for _ in range(60):
            place = (int(chance.integers(width)), int(chance.integers(height)))
            colour, extent = chance.integers(0, 255, 3).tolist(), int(chance.integers(4, 80))
            cv2.circle(canvas, place, extent, colour, int(chance.choice((-1, 3))))
            cv2.line(canvas, place, (int(chance.integers(width)), int(chance.integers(height))), colour, 2)
    return np.clip(canvas + chance.normal(0, 3, canvas.shape), 0, 255).astype(np.uint8)


def demo_faces() -> list[Face]:
    """Return the faces of the demo's portrait, and of its clip if it can be fetched."""
    images = [read_image(fetch(ASTRONAUT))]
    try:
        with closing(open_source(str(fetch(EXPRESSIONS)))) as source:
            frames = islice(iter(source.read, None), 0, FROM_CLIP * FRAMES_APART, FRAMES_APART)
            images += [frame.image for frame in frames]
    except UserError as error:
        log.warning("end-to-end: the portrait's face alone: %s", error)
    detector = open_detector("yunet", 640)
    return [Face(image, faces[0].box) for image in images if (faces := detector.detect(image))]
