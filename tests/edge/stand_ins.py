"""Small stand-ins for what the edge is made of, with every value at hand."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from edge.base.classes import EMOTIONS
from edge.base.run_statistics import Statistics
from edge.faces.detector import Detection
from edge.faces.recognizer import Found
from edge.faces.results import FaceResult, FrameResult
from edge.model.release import Releases
from edge.sources.frame import Frame
from edge.sources.pixels import BgrPixels


def picture(colour: Iterable[int] = (90, 90, 90), width: int = 64, height: int = 48) -> np.ndarray:
    """One colour (BGR) all over."""
    return np.full((height, width, 3), tuple(colour), np.uint8)


def frame(seq: int = 0, image: np.ndarray | None = None, captured: float | None = None) -> Frame:
    return Frame(
        1000.0 + seq if captured is None else captured,
        BgrPixels(picture() if image is None else image),
        "test",
        time.monotonic(),
        seq=seq,
    )


def detection(x: float, y: float, w: float = 20, h: float = 20, score: float = 0.9) -> Detection:
    return Detection((x, y, w, h), score, None)


def with_landmarks(x: float, y: float, side: float = 20) -> Detection:
    """A frontal face that fills its box."""
    places = (0.3 + 0.4j, 0.7 + 0.4j, 0.5 + 0.6j, 0.35 + 0.8j, 0.65 + 0.8j)
    return Detection((0, 0, 1, 1), 0.9, places).moved(side, complex(x, y))


def likely(label: int, probability: float = 0.7) -> np.ndarray:
    """Probabilities float32 `[7]`; the other six share the rest."""
    values = np.full(len(EMOTIONS), (1 - probability) / (len(EMOTIONS) - 1), np.float32)
    values[label] = probability
    return values


def wandering(generator: np.random.Generator, frames: int) -> np.ndarray:
    """Random probabilities float32 `[frames, 7]`: peaks that wander, jump and cross, some sharp and some flat."""
    logits = np.cumsum(generator.normal(0, generator.uniform(0.05, 1.5), (frames, len(EMOTIONS))), axis=0)
    logits += 4 * (generator.random(logits.shape) < generator.uniform(0, 0.2))  # single frames that are read otherwise
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def face(label: int | None = 3, probability: float = 0.7, box: tuple = (10, 10, 20, 20), number: int = 1) -> FaceResult:
    return FaceResult(number, box, 0.9, EMOTIONS, likely(3 if label is None else label, probability), label)


def unread(reason: str = "small", box: tuple = (10, 10, 20, 20), number: int = 1) -> FaceResult:
    return FaceResult(number, box, 0.9, EMOTIONS, None, None, reason)


def result(seq: int = 0, *faces: FaceResult, image: np.ndarray | None = None) -> FrameResult:
    return FrameResult(frame(seq, image), faces, 0.0214)


class ScriptedSource:
    """Gives `total` frames.

    `before_read(i)` is called before frame i is given, in the source's thread: to wait, to note, to fail.
    """

    name, fps = "scripted", 10.0
    duration = damage = None

    def __init__(self, total: int, *, live: bool = False, before_read: Callable[[int], Any] = lambda i: None) -> None:
        self.total, self.live, self.before_read = total, live, before_read
        self.given = self.closed = 0

    def read(self) -> Frame | None:
        self.before_read(self.given)
        if self.given == self.total:
            return None
        self.given += 1
        return frame(self.given - 1)

    def close(self) -> None:
        self.closed += 1


class ScriptedRecognizer:
    """Finds `faces(seq)`; `on_detect(frame)` and `on_classify(found)` are called in the stages' threads."""

    def __init__(
        self,
        on_detect: Callable[[Frame], Any] = lambda f: None,
        on_classify: Callable[[Found], Any] = lambda f: None,
        faces: Callable[[int], Iterable[FaceResult]] = lambda seq: (),
    ) -> None:
        self.statistics = Statistics()
        self.classes = EMOTIONS
        self.identity = {"name": "tiny", "variant": "int8", "sha256": "0123456789ab"}
        self.releases = Releases()
        self._on_detect, self._on_classify, self._faces = on_detect, on_classify, faces

    def detect(self, frame: Frame) -> Found:
        self._on_detect(frame)
        return Found(frame, [])

    def classify(self, found: Found) -> FrameResult:
        self._on_classify(found)
        return FrameResult(found.frame, tuple(self._faces(found.frame.seq)), found.frame.age())

    def set_live(self, live: bool) -> None:
        """Nothing is searched for."""

    def set_load_level(self, level: int) -> None:
        """There is no work to take away."""

    def blank(self) -> None:
        """No picture is kept."""


class KeepingOutput:
    """Keeps the numbers of the frames it was given; the callbacks may wait or fail."""

    def __init__(
        self,
        name: str = "keeping",
        on_enter: Callable[[], Any] = lambda: None,
        on_write: Callable[[int], Any] = lambda seq: None,
        on_exit: Callable[[], Any] = lambda: None,
        complete: bool = True,
    ) -> None:
        self.name, self.complete = name, complete
        self.seqs: list[int] = []
        self.entered = self.left = 0
        self.failed: bool | None = None
        self._on_enter, self._on_write, self._on_exit = on_enter, on_write, on_exit

    def __enter__(self) -> "KeepingOutput":
        self._on_enter()
        self.entered += 1
        return self

    def write(self, result: FrameResult) -> None:
        self._on_write(result.frame.seq)
        self.seqs.append(result.frame.seq)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.left += 1
        self.failed = error is not None
        self._on_exit()
