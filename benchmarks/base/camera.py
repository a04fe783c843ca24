"""Camera that plays a clip: raw frames on standard output at a constant rate."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from benchmarks.base.process import Usage, call_command, run_fresh
from edge.sources import open_source

Size = tuple[int, int]


def run_on_camera(command: list[str], cores: int, clip: Path, size: Size, fps: float, seconds: float) -> Usage:
    """Run `emotion-edge run -` on a camera that plays a clip, again and again until the time is over."""
    options = ["--live", "--size", "{}x{}".format(*size), "--fps", str(fps)]
    return run_fresh([*command, *options], cores, call_command(play, clip.resolve(), size, fps, seconds))


def play(clip: str, size: Size, fps: float, seconds: float) -> None:
    """Write frames until the time is over or the reader is gone; the camera's process."""
    cv2.setNumThreads(1)
    began = time.monotonic()
    with suppress(BrokenPipeError):
        for i, image in zip(range(round(fps * seconds)), _images(clip), strict=False):
            time.sleep(max(0.0, began + i / fps - time.monotonic()))
            fits = image.shape[1::-1] == tuple(size)
            sys.stdout.buffer.write((image if fits else cv2.resize(image, size)).tobytes())
            sys.stdout.buffer.flush()


def _images(clip: str) -> Iterator[np.ndarray]:
    for _ in count():
        with closing(open_source(clip)) as source:
            yield from (frame.image for frame in iter(source.read, None))
