"""From a frame to its faces' emotions, in two steps that may run on two threads."""

from dataclasses import dataclass

import numpy as np

from edge.align import crop_face
from edge.bundle import FaceTemplate, load_bundle
from edge.classify import EmotionClassifier
from edge.detect import Detector, open_detector
from edge.frames import Frame
from edge.options import Options, Smoothing
from edge.results import FaceResult, FrameResult
from edge.smooth import Smoother
from edge.statistics import Statistics
from edge.track import MEMORY, Track, Tracker


@dataclass(frozen=True)
class Found:
    """A frame and the faces that were found in it."""

    frame: Frame
    tracks: list[Track]


class Recognizer:
    """Finds, follows and reads faces. `find` belongs to one thread and `read` to one thread, perhaps another."""

    def __init__(
        self, detector: Detector, classifier: EmotionClassifier, template: FaceTemplate, smoothing: Smoothing
    ) -> None:
        self._detector, self._classifier, self._template = detector, classifier, template
        self._smoothing = smoothing
        self.statistics = Statistics()
        self.forget()

    @classmethod
    def from_options(cls, options: Options) -> "Recognizer":
        """Load the bundle and the detector.

        Raises:
            UserError: either is missing, damaged or not for this machine.
        """
        bundle = load_bundle(options.model, options.variant)
        classifier = EmotionClassifier.from_bundle(bundle, options.threads)
        detector = open_detector(options.detector, options.detector_side, options.detector_threshold)
        return cls(detector, classifier, bundle.template, options.smoothing)

    def forget(self) -> None:
        """Begin anew: no face that comes has been seen before. Not while another thread is finding or reading."""
        self._tracker = Tracker(MEMORY)
        self._smoother = Smoother(self._smoothing, MEMORY)

    def find(self, frame: Frame) -> Found:
        """Detect faces and say which of them were there before."""
        with self.statistics.timed("detect"):
            detections = self._detector.detect(frame.image)
            return Found(frame, self._tracker.update(detections, frame.captured))

    def read(self, found: Found) -> FrameResult:
        """Tell the emotion of each face that was found; latency is counted from the frame's arrival."""
        with self.statistics.timed("classify"):
            faces = self._read_faces(found) if found.tracks else ()
            self._smoother.forget(found.frame.captured)
        return FrameResult(found.frame, faces, found.frame.age())

    def _read_faces(self, found: Found) -> tuple[FaceResult, ...]:
        size, image = self._classifier.input_size, found.frame.image
        crops = np.stack([crop_face(image, track.detection, self._template, size) for track in found.tracks])
        return tuple(
            self._steady(track, probabilities, found.frame.captured)
            for track, probabilities in zip(found.tracks, self._classifier.classify(crops), strict=True)
        )

    def _steady(self, track: Track, probabilities: np.ndarray, time: float) -> FaceResult:
        smoothed, label = self._smoother.update(track.id, probabilities, time)
        return FaceResult(track.id, track.detection.box, track.detection.score, smoothed, label)
