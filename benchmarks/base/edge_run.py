"""Runs of `emotion-edge run` in fresh processes, on a clip or on a camera that plays it."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from benchmarks.base.plan import Plan
from benchmarks.base.process import Usage, call_command, run_fresh
from edge.base.text_table import Row
from edge.model.bundle import Bundle
from edge.sources import open_source

Size = tuple[int, int]


def edge_command(source: str, bundle: Bundle, *options: str) -> list[str]:
    """Return the edge's command for a source and a bundle's variant, without a window."""
    command = [sys.executable, "-m", "edge", "run", source, "--no-window", *options]
    return [*command, "--model", str(bundle.folder.resolve()), "--variant", bundle.variant]


def run_on_clip(bundle: Bundle, clip: Path, cores: int, *options: str) -> tuple[Usage, Row]:
    """Run the edge on a clip at full speed; return its resource usage and its summary."""
    return _run(edge_command(str(clip.resolve()), bundle, *options), cores)


def run_on_camera(plan: Plan, cores: int, size: Size, fps: float, seconds: float, *options: str) -> tuple[Usage, Row]:
    """Run the edge on a camera that repeats the clip until the time is over; return usage and summary."""
    command = edge_command("-", plan.shipping, "--live", "--size", "{}x{}".format(*size), "--fps", str(fps), *options)
    return _run(command, cores, call_command(play, plan.clip.resolve(), size, fps, seconds))


def _run(command: list[str], cores: int, feeder: list[str] | None = None) -> tuple[Usage, Row]:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        usage = run_fresh([*command, "--summary", str(summary)], cores, feeder)
        return usage, json.loads(summary.read_text())


def play(clip: str, size: Size, fps: float, seconds: float) -> None:
    """Write frames until the time is over or the reader is gone; runs in the camera's process."""
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
