"""The networks of a run: emotion classifier and face detectors, each loaded once and shared by all cameras."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from edge.base.errors import UserError
from edge.base.settings import Options
from edge.faces.detector import Detection, Detector, open_detector
from edge.model.classifier import EmotionClassifier
from edge.model.fastest_variant import load_chosen
from edge.model.manifest import FaceTemplate
from edge.model.release import Release, Releases, installed_release, newest_offered
from edge.model.validation import validate_model


@dataclass(frozen=True)
class Loaded:
    """A loaded emotion model.

    Attributes:
        classifier: for one thread at a time, see `Networks.classify`.
        template: position of a face in its crops.
        classes: names of its classes.
        identity: see `Bundle.identity`; empty where there is no bundle.
        folder: of the bundle.
        release: which the bundle was published as.
    """

    classifier: EmotionClassifier
    template: FaceTemplate
    classes: tuple[str, ...]
    identity: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    release: Release | None = None


class Networks:
    """Emotion classifier and face detectors. Recognizers on several threads share them and take turns.

    Attributes:
        loaded: the emotion model, which `reload` replaces.
    """

    def __init__(self, loaded: Loaded, make_detector: Callable[[int], Detector]) -> None:
        """Combine the parts; `make_detector` makes one for pictures with a longer side of this many pixels."""
        self.loaded, self._make_detector = loaded, make_detector
        self._classifying, self._making = threading.Lock(), threading.Lock()
        self._detectors: dict[int, Detector] = {}

    @classmethod
    def load(cls, options: Options) -> "Networks":
        """Load the bundle, validated in a separate process, and prepare detectors.

        Raises:
            UserError: the bundle is missing, damaged or not for this machine.
        """
        return cls(_load(options), partial(open_detector, options.detector, threshold=options.detector_threshold))

    @property
    def releases(self) -> Releases:
        """The release of the model in use, and the one that this board was offered, which is read from the disk."""
        loaded = self.loaded
        return Releases(loaded.release, newest_offered(loaded.folder)) if loaded.folder else Releases()

    def reload(self, options: Options) -> None:
        """Load the bundle anew, from any thread; the old model classifies until the new one has been validated.

        Raises:
            UserError: it is missing, damaged, or has other classes or invalid outputs; the old one stays.
        """
        loaded = _load(options)
        if loaded.classes != self.loaded.classes:  # which every output has told others
            raise UserError(
                f"{options.model}: the new model has other classes, {', '.join(loaded.classes)}",
                "stop the run and start it again",
            )
        self.loaded = loaded

    def classify(self, loaded: Loaded, crops: np.ndarray) -> np.ndarray:
        """Return the probabilities of face crops, see `EmotionClassifier.classify`; from any thread."""
        with self._classifying:
            return loaded.classifier.classify(crops)

    def blank(self, loaded: Loaded) -> None:
        """Overwrite what the detectors, the model and `loaded`, which may be an earlier model, keep of pictures."""
        with self._making:
            detectors = list(self._detectors.values())
        for detector in detectors:
            detector.blank()
        with self._classifying:
            for model in (self.loaded, loaded):
                model.classifier.blank()

    def detector(self, side: int) -> Detector:
        """Return the detector for pictures with a longer side of this many pixels; from any thread.

        Raises:
            UserError: this machine lacks what the detector needs.
        """
        with self._making:
            if side not in self._detectors:
                self._detectors[side] = _SharedDetector(self._make_detector(side))
            return self._detectors[side]


class _SharedDetector:
    """A detector that threads use one at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._lock = detector, threading.Lock()

    def detect(self, image: np.ndarray) -> list[Detection]:
        with self._lock:
            return self._detector.detect(image)

    def blank(self) -> None:
        with self._lock:
            self._detector.blank()


def _load(options: Options) -> Loaded:
    bundle = load_chosen(options)
    validate_model(bundle)
    classifier = EmotionClassifier.from_bundle(bundle, options.threads)
    release = installed_release(bundle.folder)
    return Loaded(classifier, bundle.template, bundle.classes, bundle.identity, bundle.folder, release)
