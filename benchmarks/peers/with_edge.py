"""Our own model without the pipeline, as the edge runs it."""

import sys
from pathlib import Path

from benchmarks.peers.program import serve
from edge.model.classifier import EmotionClassifier

classifier = EmotionClassifier(Path(sys.argv[4]).read_bytes())
serve(lambda face: classifier.classify(face[None])[0])
