"""Recordings of people who move a little, drawn in memory."""

import time

import cv2
import numpy as np

from edge.base.assets import ASTRONAUT, fetch
from edge.sources.frame import Frame
from edge.sources.pictures import read_image
from edge.sources.pixels import BgrPixels

SCENE_FRAMES, SCENE_FPS = 150, 30.0
DIFFERENT, DIFFERENT_BYTES = 20, 200 << 20
"""Most different pictures, and most bytes of them; the people move by a pixel from each to the next, and the sequence
repeats."""

SCENE_WIDTH, SCENE_HEIGHT = 1280, 720
SCENE_COLUMNS, PORTRAIT = 4, 300
"""Portraits in a row, and their side in a picture of 1280×720 with two rows, in pixels; other sizes are scaled."""

CROWD, CROWD_COLUMNS, HEAD_AREA = 8, 8, (55, 0, 155, 170)
"""Most faces that have their whole portraits; columns of more, and the part (x, y, w, h) that each has."""


class Scenes:
    """A recording of a number of faces."""

    name, live, fps, total = "generated", False, SCENE_FPS, SCENE_FRAMES
    duration = damage = None

    def __init__(self, faces: int, width: int = SCENE_WIDTH) -> None:
        """Draw `faces` people, at most 32, into pictures of 16:9."""
        scale, self._given = width / SCENE_WIDTH, 0
        different = min(DIFFERENT, DIFFERENT_BYTES // round(3 * scale**2 * SCENE_WIDTH * SCENE_HEIGHT))
        side = round(PORTRAIT * scale)
        portrait = cv2.resize(read_image(fetch(ASTRONAUT)), (side, side), interpolation=cv2.INTER_AREA)
        self._pictures = [_picture(portrait, faces, scale, moved) for moved in range(different)]

    def read(self) -> Frame | None:
        if self._given == SCENE_FRAMES:
            return None
        i, self._given = self._given, self._given + 1
        return Frame(i / SCENE_FPS, BgrPixels(self._pictures[i % len(self._pictures)]), self.name, time.monotonic())

    def close(self) -> None:
        self._given = SCENE_FRAMES


def _picture(portrait: np.ndarray, faces: int, scale: float, moved: int) -> np.ndarray:
    columns, across, down = SCENE_COLUMNS, 318, 350
    if faces > CROWD:
        x, y, w, h = (round(scale * value) for value in HEAD_AREA)
        portrait, columns, across, down = portrait[y : y + h, x : x + w], CROWD_COLUMNS, 157, 175
    height, width = portrait.shape[:2]
    picture = np.full((round(SCENE_HEIGHT * scale), round(SCENE_WIDTH * scale), 3), 90, np.uint8)
    for n in range(faces):
        x, y = (round(scale * (moved + place)) for place in (n % columns * across, n // columns * down))
        picture[y : y + height, x : x + width] = portrait
    return picture
