"""Settings of a run, with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]

MODELS = next(
    (place for place in (PACKAGE / "models", PACKAGE.parent / "models") if place.is_dir()), PACKAGE / "models"
)
"""Folder of the bundles that ship: inside the installed package, or beside it in a checkout."""

DEFAULT_BUNDLE = MODELS / "default"

DETECTORS = ("yunet", "haar")


def model_folder(model: str | Path) -> Path:
    """Return the folder of a bundle, given its path or the name of one that ships; a folder here is `./name`, too."""
    named = Path(model).name == str(model) and (MODELS / model / "manifest.json").is_file()
    return MODELS / model if named else Path(model)


@dataclass(frozen=True)
class Smoothing:
    """Settings of the smoother, which keeps labels steady.

    Attributes:
        time_constant: seconds after which a change has gone two thirds of its way; 0 takes each frame as it is.
        margin: a class that is more probable than the present label by this much replaces it at once.
        unsure_below: a label needs at least this probability to begin with.
        slack: how far below that it may fall.
        dwell: seconds for which a label may stay that is less probable than that, or than another class by less than
            the margin.
    """

    time_constant: float = 0.3
    margin: float = 0.1
    unsure_below: float = 0.35
    slack: float = 0.05
    dwell: float = 0.3


@dataclass(frozen=True)
class EventLimits:
    """Conditions under which a change of emotion is an event.

    Attributes:
        min_seconds: for which the new emotion must last.
        min_confidence: lowest probability, 0 to 1, that it must have meanwhile.
    """

    min_seconds: float = 0.5
    min_confidence: float = 0.5


@dataclass(frozen=True)
class Quality:
    """Least quality of a face that is labelled; 0 asks for nothing.

    Attributes:
        smallest: pixels of the shorter side of its box.
        least_sharpness: see `edge.faces.quality.sharpness`.
        widest_turn: degrees to either side.
    """

    smallest: float = 24.0
    least_sharpness: float = 0.02
    widest_turn: float = 50.0


@dataclass(frozen=True)
class Capture:
    """Settings that cameras and streams are asked for; they may grant others.

    Attributes:
        size: width and height in pixels; None leaves it to the camera. Of raw frames, what they have.
        fps: frames a second; None leaves it to the camera.
        preview_side: pixels of the longer side of the small picture that a Raspberry Pi's camera makes beside.
        controls: libcamera's controls by name, for a Raspberry Pi's camera: exposure, flicker, HDR.
        rtsp_transport: `tcp` (whole pictures) or `udp` (less delay, and holes where packets are lost).
        pixel_format: format of raw frames, by FFmpeg's name.
        live: whether standard input is about now; otherwise every frame is answered.
        decoder: hardware that decodes streams and videos, by FFmpeg's name: `v4l2m2m`; None decodes in software.
        recursive: whether the images of the folders in a folder are read, too.
        strict: whether the first image of a folder that cannot be read ends the run.
        realtime: whether a recording plays at its own pace, like a camera; otherwise as fast as it is answered.
        loop: whether a recording starts again at its end.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    preview_side: int = 320
    controls: Mapping[str, Any] = field(default_factory=dict)
    rtsp_transport: str = "tcp"
    pixel_format: str = "bgr24"
    live: bool = False
    decoder: str | None = None
    recursive: bool = False
    strict: bool = False
    realtime: bool = False
    loop: bool = False


@dataclass(frozen=True)
class Options:
    """Settings of detection and classification.

    Attributes:
        model: folder of the bundle.
        variant: which of its models: float32, float16, dynamic or int8.
        threads: threads of one inference.
        detector: `yunet` or `haar`.
        detector_size: pixels of the longer side of the picture that is searched for faces; None searches at 320 pixels
            and large pictures more finely as well (see `edge.faces.tiles`).
        detector_threshold: lowest score of a face, 0 to 1.
        detect_interval: seconds between two searches of the whole picture; in between, faces are looked for where they
            are expected. 0 searches every frame.
        max_classifications: faces that are classified in one frame; where there are more, they take turns, and their
            averages stand in between. Without smoothing all are classified.
        max_faces: faces a frame that are followed, the surest; the others are counted and left out.
        smoothing: how steady the labels are.
        personal_baseline: whether a face's own expression at rest, in its first seconds, is what its probabilities are
            judged by.
        quality: what a face needs for its emotion to be told.
    """

    model: Path = DEFAULT_BUNDLE
    variant: str = "int8"
    threads: int = 1
    detector: str = "yunet"
    detector_size: int | None = None
    detector_threshold: float = 0.6
    detect_interval: float = 0.2
    max_classifications: int = 2
    max_faces: int = 16
    smoothing: Smoothing = field(default_factory=Smoothing)
    personal_baseline: bool = False
    quality: Quality = field(default_factory=Quality)
