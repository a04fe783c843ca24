"""facex as on its page, with one classifier; its pool is for several callers."""

import cv2
import numpy as np
from facex import PoolManager

from benchmarks.peers.program import serve

FACEX_CLASSES = ("anger", "disgust", "fear", "happy", "neutral", "sadness", "surprised")
"""The package's names of the seven classes, in the order of `EMOTIONS`."""

pool = PoolManager(pool_size=1)
classifier = pool.get_classifier()
pool.release_classifier(classifier)


def classify(face: np.ndarray) -> list[float]:
    """Classify a grey face, the form that the package's detector passes on."""
    found = classifier.detect_emotion(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    return [found[name] for name in FACEX_CLASSES]


serve(classify, lambda frame: len(pool.predict(frame)))
