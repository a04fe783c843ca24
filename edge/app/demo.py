"""A clip for machines without a camera: a woman who plays several emotions, or a moving portrait."""

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.base.assets import ASTRONAUT, EXPRESSIONS, fetch
from edge.base.errors import UserError
from edge.outputs.video_writer import create_video
from edge.sources.pictures import read_image
from edge.sources.pixels import BgrPixels

log = logging.getLogger(__name__)

DEMO_WIDTH, DEMO_HEIGHT, DEMO_FPS, DEMO_SECONDS = 640, 480, 25, 8
FACE = (224.0, 120.0)
"""Centre of the face in the portrait, pixels."""


def demo_clip(folder: Path) -> Path:
    """Return the path of the demo's clip; if it cannot be fetched, write that of the portrait to `folder`.

    Raises:
        UserError: neither can be fetched, or nothing can be written to `folder`.
    """
    try:
        return fetch(EXPRESSIONS)
    except UserError as error:
        log.warning("%s; a moving portrait takes its place", error.problem)
    write_demo_clip(clip := folder / "clip.mp4")
    return clip


def write_demo_clip(path: Path) -> None:
    """Write a clip in which the portrait moves, grows, turns and leaves for a while: 200 frames of 640x480.

    Raises:
        UserError: the portrait is not in the cache and cannot be fetched.
    """
    portrait = read_image(fetch(ASTRONAUT))
    with create_video(path, (DEMO_WIDTH, DEMO_HEIGHT), DEMO_FPS) as writer:
        for number, picture in enumerate(_frames(portrait)):
            writer.write(BgrPixels(picture), number / DEMO_FPS)


def _frames(portrait: np.ndarray) -> Iterator[np.ndarray]:
    background = _background()
    for i in range(DEMO_FPS * DEMO_SECONDS):
        yield _place(portrait, background, *_path(i / (DEMO_FPS * DEMO_SECONDS)))


def _path(t: float) -> tuple[float, float, float, float]:
    """Return x and y in pixels, scale and angle in degrees of the face at `t` from 0 to 1. Out of sight near 0.6."""
    away = np.exp(-(((t - 0.6) / 0.06) ** 2)) * 1.3 * DEMO_WIDTH
    x = DEMO_WIDTH * (0.5 + 0.2 * np.sin(2 * np.pi * t)) + away
    y = DEMO_HEIGHT * (0.45 + 0.1 * np.sin(4 * np.pi * t))
    return x, y, 1.0 + 0.5 * np.sin(2 * np.pi * t - 1), 12 * np.sin(6 * np.pi * t)


def _place(portrait: np.ndarray, background: np.ndarray, x: float, y: float, scale: float, angle: float) -> np.ndarray:
    move = cv2.getRotationMatrix2D(FACE, angle, scale)
    move[:, 2] += np.array((x - FACE[0], y - FACE[1]))
    size = (DEMO_WIDTH, DEMO_HEIGHT)
    mask = cv2.warpAffine(np.ones(portrait.shape[:2], np.float32), move, size)[..., None]
    picture = cv2.warpAffine(portrait, move, size, flags=cv2.INTER_AREA)
    return (picture * mask + background * (1 - mask)).astype(np.uint8)


def _background() -> np.ndarray:
    shade = np.linspace(60, 140, DEMO_HEIGHT, dtype=np.float32)[:, None, None]
    return np.broadcast_to(shade, (DEMO_HEIGHT, DEMO_WIDTH, 3))
