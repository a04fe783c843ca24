"""fer by its default path: OpenCV's Haar cascade and its TFLite model, as its page shows."""

from fer.fer import FER
from timing import answer_clip

detector = FER()
answer_clip("fer", lambda frame: len(detector.detect_emotions(frame)))
