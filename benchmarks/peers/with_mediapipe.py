"""MediaPipe's native image classifier on the model file that the command line names: our own, with its metadata."""

import sys

import numpy as np
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python.vision import ImageClassifier

from benchmarks.peers.program import serve
from edge.base.classes import EMOTIONS

with ImageClassifier.create_from_model_path(sys.argv[4]) as classifier:

    def classify(face: np.ndarray) -> list[float]:
        """Return the probabilities in the order of `EMOTIONS`; the package gives the most probable class first."""
        (head,) = classifier.classify(Image(image_format=ImageFormat.SRGB, data=face)).classifications
        scores = {category.category_name: category.score for category in head.categories}
        return [scores[emotion] for emotion in EMOTIONS]

    serve(classify)
