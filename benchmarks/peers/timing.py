"""What the peers' programs share; it runs in their environments and imports nothing else of this package."""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2

LONG_ENOUGH = 15.0
"""Seconds after which the rest of the clip is left unanswered: the rate is known."""


def answer_clip(package: str, faces_in: Callable[[object], int]) -> None:
    """Answer the frames of the clip that is named on the command line, and leave the figures in the file beside it.

    Args:
        package: whose version is told.
        faces_in: the number of faces in a frame, uint8 BGR `[h, w, 3]`, once their emotions are known.
    """
    clip, answer = sys.argv[1], Path(sys.argv[2])
    video = cv2.VideoCapture(clip)
    found: list[int] = []
    times: list[float] = []
    while not times or times[-1] - times[0] < LONG_ENOUGH:
        ok, frame = video.read()
        if not ok:
            break
        found.append(faces_in(frame))
        times.append(time.perf_counter())
        print(found[-1], flush=True)
    figures = {
        "version": version(package),
        "frames": len(found),
        "frames_with_faces": sum(n > 0 for n in found),
        "fps": (len(times) - 1) / (times[-1] - times[0]),
    }
    answer.write_text(json.dumps(figures))
