"""Long run of the edge on a camera that keeps failing: memory, threads and open files must not grow.

    python -m tests.soak.soak [--frames 200000] [--openings 500] [--model models/default]

Faces come and go before a generated camera, which is lost and opened again all the while. After the warm-up neither
memory nor threads nor open files may grow.
"""

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from edge.app.arguments import whole_number
from edge.base.assets import ASTRONAUT, fetch
from edge.base.errors import UserError, exit_on_user_error
from edge.base.machine import quiet_libraries
from edge.base.settings import DEFAULT_BUNDLE, Options
from edge.faces.recognizer import Recognizer
from edge.pipeline import feed
from edge.pipeline.pipeline import Pipeline
from edge.sources.frame import Frame
from edge.sources.pictures import read_image
from edge.sources.pixels import BgrPixels

RATE, FPS = 1000.0, 30.0
"""Frames a second that the camera gives, and those that it says it output_shape: days pass in minutes.

What the edge is too slow for is dropped, as of any camera.
"""

SCENES = 64
"""Different pictures: faces move through them, stay away for a quarter, and are two for another."""

WARM_UP = 0.1
"""Share of the frames after which nothing may grow any more."""

MOST_GROWTH = 5e6
"""Bytes."""


@dataclass(frozen=True)
class Held:
    """Resources that a process holds."""

    memory: int
    threads: int
    files: int


class FailingCamera:
    """Gives so many frames, then it is lost."""

    name, live, fps = "generated", True, FPS
    total = duration = damage = None

    def __init__(self, scenes: list[np.ndarray], frames: int, clock: Iterator[int], rate: float = RATE) -> None:
        """`clock` goes on from one camera to the next; `rate` is of frames a second that it gives."""
        self._scenes, self._frames, self._given, self._clock, self._rate = scenes, frames, 0, clock, rate

    def read(self) -> Frame | None:
        if self._given == self._frames:
            return None
        time.sleep(1 / self._rate)
        self._given += 1
        tick = next(self._clock)
        return Frame(tick / FPS, BgrPixels(self._scenes[tick % SCENES]), self.name, time.monotonic())

    def close(self) -> None:
        self._frames = self._given


def soak(model: Path, frames: int, openings: int) -> tuple[Held, Held, dict[str, int]]:
    """Run until so many frames were answered.

    Args:
        model: the bundle.
        frames: results to wait for.
        openings: how often the camera is opened on the way, at least.

    Returns:
        What was held after the warm-up and at the end, and the run's counts.

    Raises:
        UserError: the model is missing or broken.
    """
    camera = partial(FailingCamera, moving_scenes(), max(1, frames // openings), count())
    feed.FIRST_RETRY_DELAY = 0.0  # opening is what is tried here, not patience
    recognizer = Recognizer.from_options(Options(model=model))
    warm: Held | None = None
    with Pipeline(camera(), recognizer, reopen=camera) as pipeline:
        for answered, _ in enumerate(pipeline, start=1):
            if answered >= WARM_UP * frames and warm is None:
                warm = held()
            if answered >= frames and pipeline.statistics.count_of("source.back") >= openings:
                break
        at_end = held()
    assert warm is not None, "a run has more frames than its warm-up"
    return warm, at_end, pipeline.statistics.summary()["counts"]


def moving_scenes() -> list[np.ndarray]:
    portrait = cv2.resize(read_image(fetch(ASTRONAUT)), (160, 160))
    scenes = []
    for i in range(SCENES):
        scene = np.full((240, 640, 3), 90, np.uint8)
        scene[:8, :8] = 4 * i  # no sensor gives the same picture twice
        if i % SCENES >= SCENES // 4:
            x = 5 * (i - SCENES // 4)
            scene[40:200, x : x + 160] = portrait
        if i % SCENES >= 3 * SCENES // 4:
            scene[40:200, 440:600] = portrait
        scenes.append(scene)
    return scenes


def held() -> Held:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(pages * os.sysconf("SC_PAGE_SIZE"), threading.active_count(), len([*Path("/proc/self/fd").iterdir()]))


def grown(warm: Held, at_end: Held, left: int) -> bool:
    """Tell whether memory, files or threads have grown; `left` is the number of threads that outlived the run."""
    return at_end.memory - warm.memory > MOST_GROWTH or left > 0 or at_end.files > warm.files


def report(warm: Held, at_end: Held, left: int, counts: dict[str, int]) -> str:
    """The run in lines for the terminal."""
    before, after = (f"{one.memory / 1e6:.1f} MB" for one in (warm, at_end))
    return "\n".join(
        [
            f"{counts['frames']:,} frames answered, {counts['captured']:,} captured, {counts['faces']:,} faces",
            f"lost {counts['source.lost']:,} times and found again {counts['source.back']:,} times",
            f"memory {before} after the warm-up, {after} at the end: {(at_end.memory - warm.memory) / 1e6:+.1f} MB",
            f"threads {warm.threads}, then {at_end.threads}; {left} left over",
            f"open files {warm.files}, then {at_end.files}",
            f"target: less than {MOST_GROWTH / 1e6:.0f} MB, no thread, no file: "
            + ("missed" if grown(warm, at_end, left) else "reached"),
        ]
    )


def main() -> int:
    """Entry point; returns 0 where nothing grew, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--frames", type=whole_number(100), default=200_000, help="default: %(default)s")
    parser.add_argument("--openings", type=whole_number(1), default=500, help="default: %(default)s")
    arguments = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        raise UserError("this machine does not tell what a process holds", "run it on Linux")
    quiet_libraries()
    logging.getLogger("edge.pipeline.feed").setLevel(logging.ERROR)  # hundreds of losses are what is wanted
    threads = threading.active_count()
    warm, at_end, counts = soak(arguments.model, arguments.frames, arguments.openings)
    left = threading.active_count() - threads
    print(report(warm, at_end, left, counts))
    return 1 if grown(warm, at_end, left) else 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
