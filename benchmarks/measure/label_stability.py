"""Label stability on a clip, lag, and agreement with the probabilities beside the labels.

python -m benchmarks.measure.label_stability [--clip video] [--model models/default]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.base.markdown import UNKNOWN, table
from edge.app.demo import write_demo_clip
from edge.base.errors import UserError, exit_on_user_error
from edge.base.quiet import quiet_libraries
from edge.base.settings import DEFAULT_BUNDLE, EventLimits, Options, Smoothing
from edge.faces.events import Events
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult
from edge.pipeline.pipeline import Pipeline
from edge.sources import open_source

IDEAL_WIDTH = 0.1
"""Standard deviation, seconds, of the centred window that the ideal label averages over: it sees the future."""

LASTING = 0.25
"""Seconds for which the ideal label must show an emotion for its delay to be measured."""

EARLY = 0.1
"""Seconds by which a label may be earlier than the ideal one and still be an answer to the same change."""


@dataclass(frozen=True)
class LabelStability:
    """Labels of the face with the most frames.

    Attributes:
        times: of its frames, seconds from the clip's first.
        labels: int `[n]`, -1 where there is none.
        probabilities: float32 `[n, classes]`, as shown beside the labels.
        events: changes of emotion that are told, of all faces.
    """

    times: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    events: int

    @property
    def seconds(self) -> float:
        return float(self.times[-1] - self.times[0])

    @property
    def changes_a_minute(self) -> float:
        """Changes of the label, from and to none included."""
        return 60 * int((self.labels[1:] != self.labels[:-1]).sum()) / self.seconds

    @property
    def labelled(self) -> float:
        """Share of the frames with a label."""
        return float((self.labels >= 0).mean())

    @property
    def deficits(self) -> np.ndarray:
        """Float `[n]`: how far the label's probability is below the highest one; 0 without a label."""
        own = self.probabilities[np.arange(len(self.labels)), np.maximum(self.labels, 0)]
        return np.where(self.labels >= 0, self.probabilities.max(axis=1) - own, 0.0)

    @property
    def contradicted(self) -> float:
        """Share of the frames in which another class is more probable than the label."""
        return float((self.deficits > 0).mean())


@dataclass(frozen=True)
class Lag:
    """Delays of a label's changes after those of the ideal label.

    Attributes:
        median: seconds; None where no change is followed.
        followed: changes of the ideal label that the label takes part in before the next one.
        all: changes of the ideal label to something that lasts.
    """

    median: float | None
    followed: int
    all: int


def watch(clip: Path, options: Options) -> LabelStability:
    """Run the edge on a clip.

    Raises:
        UserError: the clip or the model is missing or broken, or shows no face for two frames.
    """
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
    return LabelStability(np.array(times), labels, np.stack([face.probabilities for face in seen]), told)


def lag(found: LabelStability, plain: LabelStability) -> Lag:
    """Delays after the ideal label of the same face, which is made of the probabilities of single frames."""
    changed = np.flatnonzero(found.labels[1:] != found.labels[:-1]) + 1
    delays: list[float] = []
    changes = list(_ideal_changes(plain))
    for start, end, label in changes:
        times = [found.times[i] for i in changed if found.labels[i] == label]
        delays += [t - start for t in times if start - EARLY <= t < end][:1]
    return Lag(float(np.median(delays)) if delays else None, len(delays), len(changes))


def _ideal_changes(plain: LabelStability) -> Iterator[tuple[float, float, int]]:
    """Start, end and label of what the ideal label changes to and shows for long enough."""
    weights = np.exp(-0.5 * ((plain.times[:, None] - plain.times) / IDEAL_WIDTH) ** 2)
    labels = (weights @ plain.probabilities).argmax(axis=1)
    edges = [*(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels) - 1]
    for first, last in pairwise(edges):
        start, end = float(plain.times[first]), float(plain.times[last])
        if end - start >= LASTING:
            yield start, end, int(labels[first])


def report(rows: Sequence[tuple[str, LabelStability, Lag]]) -> str:
    """A table in Markdown."""
    return table(
        [
            *("labels", "changes a minute", "frames with a label", "label is not the most probable", "by at most"),
            *("median lag, ms", "changes followed", "events"),
        ],
        [
            [
                name,
                f"{found.changes_a_minute:.1f}",
                f"{found.labelled:.1%}",
                f"{found.contradicted:.1%}",
                f"{found.deficits.max():.2f}",
                UNKNOWN if late.median is None else f"{1000 * late.median:.0f}",
                f"{late.followed} of {late.all}",
                f"{found.events}",
            ]
            for name, found, late in rows
        ],
    )


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measure.label_stability", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--clip", type=Path, help="a video; default: the demo's")
    arguments = parser.parse_args()
    quiet_libraries()
    default = Options(model=arguments.model)
    settings = {
        "of each frame": replace(default, smoothing=Smoothing(time_constant=0.0)),
        f"of averages over {1000 * Smoothing.time_constant:.0f} ms": replace(
            default, smoothing=Smoothing(margin=0.0, slack=0.0)
        ),
        "the same with margin, slack and dwell: the default": default,
        "the default with a personal baseline": replace(default, personal_baseline=True),
    }
    with nullcontext(None) if arguments.clip else tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(str(folder)) / "clip.mp4"
        if folder:
            write_demo_clip(clip)
        found = {name: watch(clip, options) for name, options in settings.items()}
    plain = found["of each frame"]
    print(report([(name, one, lag(one, plain)) for name, one in found.items()]))
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
