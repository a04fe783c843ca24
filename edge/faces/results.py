"""Results of a frame, and its record, which is the same on every output."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from edge.base.geometry import Box
from edge.sources.frame import Frame

LARGER = 1.2
"""Ratio of areas from which on another face becomes the main one."""

CAPTIONS = {"unsure": "unsure", "small": "too small", "turned": "turned away", "blurred": "blurred"}
"""Words for the reasons why a face has no label."""


@dataclass(frozen=True)
class FaceResult:
    """One face in one frame.

    Attributes:
        id: number of the person's track.
        box: (x, y, w, h) in pixels of the frame.
        score: the detector's score, 0 to 1.
        classes: names of the model's classes.
        probabilities: float32 `[classes]`, smoothed in time; None where the face could not be read.
        label: class of the label; None where `reason` is set.
        reason: why there is no label: `unsure` (the model is), or `small`, `turned` or `blurred` (the face is, and is
            not read).
    """

    id: int
    box: Box
    score: float
    classes: tuple[str, ...]
    probabilities: np.ndarray | None
    label: int | None
    reason: str | None = None

    @property
    def emotion(self) -> str | None:
        return None if self.label is None else self.classes[self.label]

    @property
    def confidence(self) -> float | None:
        """Probability of the label, or of the most probable emotion where the model is unsure; None without a reading.

        It is 0 to 1.
        """
        if self.probabilities is None:
            return None
        return float(self.probabilities[self.label] if self.label is not None else self.probabilities.max())

    @property
    def caption(self) -> str:
        """The label with its probability, or why there is none."""
        if self.label is None:
            return CAPTIONS[self.reason or "unsure"]
        return f"{self.emotion} {self.confidence:.0%}"

    def record(self) -> dict[str, Any]:
        confidence = self.confidence
        return {
            "id": self.id,
            "box": [round(v, 1) for v in self.box],
            "score": round(self.score, 3),
            "emotion": self.emotion,
            # Rounded as in the bars, so that both show the same percentage.
            "confidence": None if confidence is None else round(confidence, 4),
            "reason": self.reason,
            "probabilities": self._by_class(),
        }

    def _by_class(self) -> dict[str, float] | None:
        if self.probabilities is None:
            return None
        return {name: round(float(p), 4) for name, p in zip(self.classes, self.probabilities, strict=True)}


@dataclass(frozen=True)
class FrameResult:
    """One frame with its faces.

    Attributes:
        frame: the frame.
        faces: its faces, the highest score first.
        latency: seconds from the frame's arrival to this result.
        level: level of the governor, 0 (all work) and up; see `edge.pipeline.governor`.
        events: events of this frame, see `edge.faces.events`; the pipeline adds them.
        settled: by id, a face's last result with the emotion of its last event.
    """

    frame: Frame
    faces: tuple[FaceResult, ...]
    latency: float
    level: int = 0
    events: tuple[dict[str, Any], ...] = ()
    settled: Mapping[int, FaceResult] = field(default_factory=dict)

    @cached_property
    def line(self) -> str:
        """The record as one line of JSON, encoded once for all outputs."""
        return json.dumps(self.record())

    def record(self) -> dict[str, Any]:
        """Return the JSON object of this frame, the same on every output.

        Keys: `seq`, `t` (Unix seconds at capture), `source`, `latency_ms`, `level` (of the governor, 0 to 3), and
        `faces`, each with `id`, `box` (pixels of the frame), `score`, `emotion` (null without a label), `confidence`,
        `reason` (null with a label) and `probabilities` by class. `confidence` and `probabilities` are null where the
        face could not be read.
        """
        return {
            "seq": self.frame.seq,
            "t": round(self.frame.captured, 3),
            "source": self.frame.source,
            "latency_ms": round(self.latency * 1000, 2),
            "level": self.level,
            "faces": [face.record() for face in self.faces],
        }

    def blank(self) -> "FrameResult":
        """Return the result with a black picture, see `Frame.blank`."""
        return replace(self, frame=self.frame.blank())

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for each face, rounded as in the record; its columns are those of `edge.report.table`."""
        return [self._row(face.record(), face.classes) for face in self.faces]

    def _row(self, record: dict[str, Any], classes: Sequence[str]) -> dict[str, Any]:
        probabilities = record["probabilities"] or dict.fromkeys(classes)
        return {
            "frame": self.frame.seq,
            "time_s": round(self.frame.captured, 6),
            "person": record["id"],
            **dict(zip(("x", "y", "width", "height"), record["box"], strict=True)),
            **{key: record[key] for key in ("score", "emotion", "confidence", "reason")},
            **{f"p_{name}": probability for name, probability in probabilities.items()},
        }


class MainFace:
    """The largest face, which stays the main one until another is clearly larger; for one thread."""

    def __init__(self) -> None:
        self._number: int | None = None

    def of(self, faces: Sequence[FaceResult]) -> FaceResult | None:
        """Return the main face of a frame; None where there are no faces."""
        largest = max(faces, key=_area, default=None)
        before = next((face for face in faces if face.id == self._number), None)
        main = before if largest and before and _area(largest) < LARGER * _area(before) else largest
        self._number = main.id if main else None
        return main


def _area(face: FaceResult) -> float:
    return face.box[2] * face.box[3]
