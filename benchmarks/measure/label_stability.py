"""Label stability on a clip, delay, and agreement of labels and probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base.measurement import Measurement
from benchmarks.base.plan import Plan
from edge.base.errors import UserError
from edge.base.settings import EventLimits, Options, Smoothing
from edge.base.text_table import Column, Row
from edge.faces.events import Events
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult
from edge.pipeline.pipeline import Pipeline
from edge.sources import open_source

IDEAL_WIDTH = 0.1
"""Standard deviation of the ideal label's averaging window, seconds; the window is centred, so it sees the future."""

LASTING = 0.25
"""Seconds for which the ideal label must show an emotion for its delay to be measured."""

EARLY = 0.1
"""Seconds by which a label may precede the ideal one and still count as the same change."""

SETTINGS: dict[str, dict[str, Any]] = {
    "of each frame": {"smoothing": Smoothing(time_constant=0.0)},
    f"of averages over {1000 * Smoothing.time_constant:.0f} ms": {"smoothing": Smoothing(margin=0.0, slack=0.0)},
    "the same with margin, slack and dwell: the default": {},
    "the default with a personal baseline": {"personal_baseline": True},
}
"""Compared settings; the ideal label is computed from the first."""


@dataclass(frozen=True)
class Labels:
    """Labels of the face with the most frames, -1 where there is none, with the times of its frames from the clip's
    first and the probabilities shown beside them, 0 where the face was not read; and the number of changes of emotion
    that are told, of all faces.
    """

    times: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    events: int


def measure_label_stability(plan: Plan) -> list[Row]:
    """Run the edge on the clip with all `SETTINGS`; a row has their `name`, and what `stability` finds."""
    default = Options(model=plan.shipping.folder, variant=plan.shipping.variant)
    found = {name: watch(plan.clip, replace(default, **changes)) for name, changes in SETTINGS.items()}
    plain = next(iter(found.values()))
    return [{"name": name, **stability(one, plain)} for name, one in found.items()]


def watch(clip: Path, options: Options) -> Labels:
    """Run the edge on a clip."""
    faces: dict[int, list[tuple[float, FaceResult]]] = {}
    events, told, began = Events(EventLimits()), 0, 0.0
    with Pipeline(open_source(str(clip)), Recognizer.from_options(options)) as pipeline:
        for result in pipeline:
            began = result.frame.captured if result.frame.seq == 0 else began
            told += sum(event["event"] == "emotion_changed" for event in events.update(result))
            for face in result.faces:
                faces.setdefault(face.id, []).append((result.frame.captured - began, face))
    longest = max(faces.values(), key=len, default=[])
    if len(longest) < 2:
        raise UserError(f"{clip}: shows no face for long enough", "name another by --clip")
    times, seen = zip(*longest, strict=True)
    labels = np.array([-1 if face.label is None else face.label for face in seen])
    return Labels(np.array(times), labels, np.stack([_shown(face) for face in seen]), told)


def _shown(face: FaceResult) -> np.ndarray:
    return np.zeros(len(face.classes), np.float32) if face.probabilities is None else face.probabilities


def stability(found: Labels, plain: Labels) -> Row:
    """Changes of the label a minute, from and to none included; the share of frames with a label, and of those in which
    another class is more probable than the label, by how much at most; and the delays after the ideal label of the same
    face, which is made of the probabilities of single frames: their median, seconds, and how many changes are followed.
    """
    changed = np.flatnonzero(found.labels[1:] != found.labels[:-1]) + 1
    own = found.probabilities[np.arange(len(found.labels)), np.maximum(found.labels, 0)]
    deficits = np.where(found.labels >= 0, found.probabilities.max(axis=1) - own, 0.0)
    changes, delays = list(_ideal_changes(plain)), []
    for start, end, label in changes:
        times = [found.times[i] for i in changed if found.labels[i] == label]
        delays += [t - start for t in times if start - EARLY <= t < end][:1]
    return {
        "changes_a_minute": 60 * len(changed) / float(found.times[-1] - found.times[0]),
        "labelled": float((found.labels >= 0).mean()),
        "contradicted": float((deficits > 0).mean()),
        "largest_deficit": float(deficits.max()),
        "median_lag": float(np.median(delays)) if delays else None,
        "followed": f"{len(delays)} of {len(changes)}",
        "events": found.events,
    }


def _ideal_changes(plain: Labels) -> Iterator[tuple[float, float, int]]:
    """Start, end and label of what the ideal label changes to and shows for long enough."""
    weights = np.exp(-0.5 * ((plain.times[:, None] - plain.times) / IDEAL_WIDTH) ** 2)
    labels = (weights @ plain.probabilities).argmax(axis=1)
    edges = [*(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels) - 1]
    for first, last in pairwise(edges):
        start, end = float(plain.times[first]), float(plain.times[last])
        if end - start >= LASTING:
            yield start, end, int(labels[first])


LABEL_STABILITY = Measurement(
    "label-stability",
    measure_label_stability,
    "**Labels** on the clip; lag behind an ideal label, which knows the future",
    (
        Column("labels", "name"),
        Column("changes a minute", "changes_a_minute", ".1f"),
        Column("frames with a label", "labelled", ".1%"),
        Column("label is not the most probable", "contradicted", ".1%"),
        Column("by at most", "largest_deficit", ".2f"),
        Column("median lag, ms", "median_lag", ".0f", 1000),
        Column("changes followed", "followed"),
        Column("events", "events"),
    ),
)
