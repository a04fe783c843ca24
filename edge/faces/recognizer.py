"""From a frame to its faces' emotions, in two steps that may run on two threads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.run_statistics import Statistics
from edge.base.settings import Options
from edge.faces.baseline import PersonalBaseline
from edge.faces.crops import Crops
from edge.faces.networks import Loaded, Networks
from edge.faces.results import FaceResult, FrameResult
from edge.faces.roi_search import Search
from edge.faces.scheduler import ClassificationScheduler
from edge.faces.smoother import Smoother
from edge.faces.tracker import TRACK_TIMEOUT, Track, Tracker
from edge.model.release import Releases
from edge.sources.frame import Frame


@dataclass(frozen=True)
class Found:
    """A frame and its detected faces."""

    frame: Frame
    tracks: list[Track]


class Recognizer:
    """Detects, tracks and classifies faces. `detect` belongs to one thread and `classify` to one, perhaps another.

    Attributes:
        statistics: what this and the pipeline measure.
    """

    def __init__(self, networks: Networks, options: Options) -> None:
        """Begin without faces; the options for loading the networks are not used here.

        Raises:
            UserError: the networks do not fit the options.
        """
        if options.personal_baseline and networks.loaded.classes != EMOTIONS:
            raise UserError(
                f"--personal-baseline knows the seven emotions at rest, and {options.model} has other classes",
                "leave --personal-baseline out",
            )
        self._networks, self._model, self._options = networks, networks.loaded, options
        self._search = Search(networks.detector, options.detector_size, options.detect_interval)
        self.statistics = Statistics()
        self._level, self._threads = 0, cv2.getNumThreads()
        self.reset()

    @classmethod
    def from_options(cls, options: Options) -> "Recognizer":
        """Load networks for this recognizer alone.

        Raises:
            UserError: they are missing, damaged, not for this machine, or do not fit the options.
        """
        return cls(Networks.load(options), options)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes; they stay the same for a run."""
        return self._networks.loaded.classes

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity of the bundle's model that reads, see `Bundle.identity`; empty where there is no bundle."""
        return self._networks.loaded.identity

    @property
    def releases(self) -> Releases:
        """See `Networks.releases`."""
        return self._networks.releases

    def reload(self, options: Options) -> None:
        """Load the bundle anew for all recognizers that share it, from any thread; see `Networks.reload`."""
        self._networks.reload(options)

    @property
    def options(self) -> Options:
        """The present options."""
        return self._options

    def set_options(self, options: Options) -> None:
        """Use other limits, smoothing and quality from the next frame on, from any thread; faces are kept.

        Options of the model and the detector have no effect here.
        """
        self._options = options
        self._smoother.settings = options.smoothing

    def set_live(self, live: bool) -> None:
        """Prepare for a source, before its first frame: live pictures are searched for small faces tile by tile.

        Without this call every picture is searched for small faces as a whole, like those of a recording.
        """
        self._search.set_live(live)

    def set_load_level(self, level: int) -> None:
        """Reduce the work, from any thread.

        Each level halves the searches of whole pictures, quarters those for small faces, and removes a thread.
        """
        self._level = level
        self._search.slow_down(2**level)
        cv2.setNumThreads(max(1, self._threads - level))

    def reset(self) -> None:
        """Forget all faces; no other thread may detect or classify meanwhile."""
        self._search.reset()
        self._tracker = Tracker(TRACK_TIMEOUT)
        self._smoother = Smoother(self._options.smoothing, TRACK_TIMEOUT)
        self._baseline = PersonalBaseline()
        self._scheduler = ClassificationScheduler()
        self._last: dict[int, FaceResult] = {}

    def blank(self) -> None:
        """Overwrite what the networks keep of the last picture, from any thread; faces are kept."""
        self._networks.blank(self._model)

    def recognize(self, frame: Frame) -> FrameResult:
        """Detect and classify the faces of a single image."""
        self.reset()
        return self.classify(self.detect(frame))

    def detect(self, frame: Frame) -> Found:
        """Detect the faces of a frame and match them with the tracks."""
        with self.statistics.timed("detect"):
            expected = [track.expected(frame.captured) for track in self._tracker.found_last]
            detections = self._search.find(frame, expected)
            most = self._options.max_faces
            self.statistics.count("faces_left_out", max(0, len(detections) - most))
            detections = detections[:most]
            return Found(frame, self._tracker.update(detections, frame.captured))

    def classify(self, found: Found) -> FrameResult:
        """Classify the scheduled faces; the others keep their last result, or have none where they cannot be read.

        Latency is counted from the frame's arrival.
        """
        with self.statistics.timed("classify"):
            faces = self._classify_scheduled(found)
            self._smoother.keep((track.id for track in found.tracks), found.frame.captured)
            self._baseline.keep(self._smoother.faces)
        return FrameResult(found.frame, faces, found.frame.age(), self._level)

    def _classify_scheduled(self, found: Found) -> tuple[FaceResult, ...]:
        averaged = self._options.smoothing.time_constant > 0  # otherwise results would belong to other frames
        most = self._options.max_classifications if averaged else len(found.tracks)
        crops = Crops(found.frame.pixels, found.tracks, self._present_model(), self._options.quality)
        scheduled = self._scheduler.take(crops.reasons, most, crops.is_readable)
        read = self._classify_faces([track for track in found.tracks if track.id in scheduled], crops, found.frame)
        self._last = {
            track.id: read.get(track.id) or self._unscheduled(track, crops.reasons[track.id]) for track in found.tracks
        }
        return tuple(self._last.values())

    def _present_model(self) -> Loaded:
        if self._networks.loaded is not self._model:  # another model reads the same face otherwise
            self._model, self._baseline = self._networks.loaded, PersonalBaseline()
        return self._model

    def _classify_faces(self, tracks: list[Track], crops: Crops, frame: Frame) -> dict[int, FaceResult]:
        if not tracks:
            return {}
        read = self._networks.classify(self._model, crops.of(track.id for track in tracks))
        return {
            track.id: self._face_result(track, probabilities, frame.captured)
            for track, probabilities in zip(tracks, read, strict=True)
        }

    def _face_result(self, track: Track, read: np.ndarray, time: float) -> FaceResult:
        """Correct, smooth and label a face."""
        probabilities, label = self._smoother.update(track.id, self._baseline.correct(track.id, read), time)
        if self._options.personal_baseline:
            self._baseline.learn(track.id, read, label, time)
        reason = "unsure" if label is None else None
        return FaceResult(
            track.id, track.detection.box, track.detection.score, self.classes, probabilities, label, reason
        )

    def _unscheduled(self, track: Track, reason: str | None) -> FaceResult:
        """Return a face without a reading where there is a reason, otherwise with its last result.

        Both leave smoother and baseline unchanged.
        """
        box, score = track.detection.box, track.detection.score
        if reason is None:
            return replace(self._last[track.id], box=box, score=score)
        return FaceResult(track.id, box, score, self.classes, None, None, reason)
