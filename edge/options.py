"""What to recognize with: every choice that a user has, and its default."""

from dataclasses import dataclass, field
from pathlib import Path

from edge.bundle import DEFAULT_BUNDLE

DETECTORS = ("yunet", "haar")


@dataclass(frozen=True)
class Smoothing:
    """How steady a label is.

    Attributes:
        time_constant: seconds after which a change has gone two thirds of its way; 0 takes each frame as it is.
        margin: how much more probable than the present label another must be to replace it.
        unsure_below: a label needs at least this probability; below it the face has none.
    """

    time_constant: float = 0.25
    margin: float = 0.1
    unsure_below: float = 0.35


@dataclass(frozen=True)
class Options:
    """What to recognize with.

    Attributes:
        model: folder of the bundle.
        variant: which of its models: float32, float16, dynamic or int8.
        threads: threads of one inference.
        detector: `yunet` or `haar`.
        detector_side: pixels of the longer side of the picture that is searched for faces.
        detector_threshold: lowest score of a face, 0 to 1.
        smoothing: how steady the labels are.
    """

    model: Path = DEFAULT_BUNDLE
    variant: str = "int8"
    threads: int = 1
    detector: str = "yunet"
    detector_side: int = 320
    detector_threshold: float = 0.6
    smoothing: Smoothing = field(default_factory=Smoothing)
