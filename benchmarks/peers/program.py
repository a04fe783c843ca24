"""Common part of the other packages' programs.

    python -m benchmarks.peers.with_NAME TASK INPUT ANSWER MODEL [OPTION]

`clip` classifies the frames of a video, `face` the first crop of an array repeatedly, `faces` all its crops.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.base.harness import timed_burst

Classify = Callable[[np.ndarray], Sequence[float] | np.ndarray]

LONG_ENOUGH = 15.0
"""Seconds after which the rest of the clip is skipped, because the rate is known."""


def serve(classify: Classify, faces_in: Callable[[np.ndarray], int] | None = None) -> None:
    """Perform the task of the command line, and write the answer to the file that it names.

    Args:
        classify: a crop, uint8 RGB `[h, w, 3]`, to the probabilities of the seven emotions in the order of `EMOTIONS`,
            by the package's own preprocessing.
        faces_in: returns the number of faces in a frame, uint8 BGR `[h, w, 3]`, and classifies them; None if the
            package only classifies.
    """
    task, source, answer = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if task == "clip" and faces_in:
        answer.write_text(json.dumps(_clip(source, faces_in)))
    elif task == "face":
        face = np.load(source)[0]
        answer.write_text(json.dumps(timed_burst(lambda: classify(face))))
    elif task == "faces":
        with answer.open("wb") as file:  # whose name has no suffix
            np.save(file, np.array([classify(face) for face in np.load(source)], np.float32))
    else:
        raise ValueError(f"no such task here: {task}")


def _clip(source: str, faces_in: Callable[[np.ndarray], int]) -> dict[str, float]:
    import cv2  # here, because the model alone does not need it

    video = cv2.VideoCapture(source)
    found: list[int] = []
    times: list[float] = []
    while not times or times[-1] - times[0] < LONG_ENOUGH:
        ok, frame = video.read()
        if not ok:
            break
        found.append(faces_in(frame))
        times.append(time.perf_counter())
        print(found[-1], flush=True)
    return {
        "with_faces": sum(n > 0 for n in found) / len(found),
        "fps": (len(times) - 1) / (times[-1] - times[0]),
    }
