"""Detects and classifies the face of pictures that are in memory, as those of a camera: the program that is counted.

python -m tests.boards.recognize MODEL VARIANT FRAMES
"""

import sys
from pathlib import Path

import cv2

from benchmarks.base.scenes import Scenes
from edge.base.settings import Options
from edge.faces.recognizer import Recognizer


def main(model: Path, variant: str, frames: int) -> None:
    cv2.setNumThreads(1)
    recognizer, source = Recognizer.from_options(Options(model=model, variant=variant)), Scenes(1)
    recognizer.set_live(True)
    for _ in range(frames):
        frame = source.read()
        assert frame is not None, "the recording is longer"
        result = recognizer.classify(recognizer.detect(frame))
        assert len(result.faces) == 1, "each picture has one face"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
