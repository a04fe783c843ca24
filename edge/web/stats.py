"""Statistics of the run for the page."""

import time
from collections.abc import Callable
from typing import Any

from edge.base.run_statistics import Statistics, under
from edge.base.settings import Options
from edge.faces.results import FrameResult
from edge.model.bundle import Bundle
from edge.model.release import Releases

STATISTICS_WINDOW = 60
"""Number of latest frames whose ages are shown."""

STALLED_SECONDS = 3.0
"""Seconds without a frame after which a lost or hanging camera is stalled; also the window of the frame rate."""

PASSED_ON = ("captured", "frames", "faces", "frames_with_faces", "faces_left_out")


class Stats:
    """Statistics that the output's thread updates and the server's thread reads.

    Attributes:
        model: facts of the model, see `model_facts`.
        releases: returns the model's releases.
    """

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._last = time.monotonic()
        self._source: str | None = None
        self._ended = False
        self.model: dict[str, Any] = {}
        self.releases: Callable[[], Releases] = Releases

    def note(self, result: FrameResult) -> None:
        """Count a result."""
        self._last = time.monotonic()
        self._source = result.frame.source

    def end(self) -> None:
        """Mark the end of the results."""
        self._ended = True

    @property
    def idle(self) -> float:
        """Return the seconds since the last result, or since the start."""
        return time.monotonic() - self._last

    @property
    def state(self) -> str:
        """Return `starting`, `running`, `stalled`, `paused` or `ended`."""
        states = self._statistics.states()
        if self._ended or states.get("ended"):
            return "ended"
        if states.get("paused"):
            return "paused"
        if self.idle > STALLED_SECONDS:
            return "stalled"
        return "running" if self._source is not None else "starting"

    def now(self) -> dict[str, Any]:
        """Return plain values for JSON, see `Stats` in openapi.json."""
        counts, states = self._statistics.counts(), self._statistics.states()
        return {
            "state": self.state,
            "idle_s": round(self.idle, 1),
            "source": self._source,
            "fps": round(self._statistics.recent_fps(STALLED_SECONDS) or 0.0, 1),
            "frame_age_ms": {"p50": self._age(50), "p95": self._age(95)},
            "counts": {name: counts.get(name, 0) for name in PASSED_ON},
            "dropped": under("dropped.", counts),
            **{name: states.get(name) for name in ("temperature", "slowed", "undervoltage", "level")},
            "model": self.model | self.releases().numbers(),
        }

    def _age(self, q: float) -> float | None:
        age = self._statistics.recent("frame age", q, STATISTICS_WINDOW)
        return None if age is None else round(age * 1000, 1)


def thresholds(options: Options) -> dict[str, float]:
    """Return what a face and a label need, by the names of the options."""
    smoothing, quality = options.smoothing, options.quality
    return {
        "detector_threshold": options.detector_threshold,
        "min_face_size": quality.min_face_size,
        "min_sharpness": quality.min_sharpness,
        "max_turn": quality.max_turn,
        "unsure_below": smoothing.unsure_below,
        "margin": smoothing.margin,
    }


def model_facts(bundle: Bundle) -> dict[str, Any]:
    """Return a model's name, variant and SHA-256, and its accuracy by label set if the bundle has it."""
    own = bundle.measured[0] if bundle.measured else None
    return {
        "name": bundle.name,
        "variant": bundle.variant,
        "sha256": bundle.sha256,
        "accuracy": own and own.accuracy,
        "labels": own and own.labels,
    }
