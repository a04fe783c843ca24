"""fer as on its page: OpenCV's Haar cascade, and its TFLite model or, with the option `hdf5`, its Keras model."""

import sys

import numpy as np
from fer.fer import FER

from benchmarks.peers.program import serve
from edge.base.classes import EMOTIONS

use_tflite = sys.argv[5:] != ["hdf5"]
detector = FER(use_tflite=use_tflite)
# fer enlarges detected boxes by ten pixels on each side; a crop of 48 pixels would become 68.
on_crops = FER(use_tflite=use_tflite, offsets=(0, 0))


def classify(face: np.ndarray) -> list[float]:
    """Classify the whole crop as a face."""
    height, width = face.shape[:2]
    (found,) = on_crops.detect_emotions(np.ascontiguousarray(face[..., ::-1]), [(0, 0, width, height)])
    return [found["emotions"][emotion] for emotion in EMOTIONS]


serve(classify, lambda frame: len(detector.detect_emotions(frame)))
