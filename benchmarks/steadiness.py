"""How often labels change on a clip, and how late they are, with and without smoothing.

python -m benchmarks.steadiness [--clip video] [--model models/default]
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.report import table
from edge.bundle import DEFAULT_BUNDLE
from edge.demo import write_demo_clip
from edge.errors import UserError, exit_on_user_error
from edge.options import Options, Smoothing
from edge.pipeline import Pipeline
from edge.quiet import quiet_libraries
from edge.recognize import Recognizer
from edge.sources import open_source

LONGEST_LAG = 1.0
"""Seconds up to which a delay is looked for."""


@dataclass(frozen=True)
class Steadiness:
    """Labels of the face with the most frames.

    Attributes:
        seconds: that it was there.
        changes: of its label, from and to none included.
        labelled: share of its frames with a label.
        labels: by frame, -1 where there is none.
        times: of the frames, seconds from the clip's first.
    """

    seconds: float
    changes: int
    labelled: float
    labels: np.ndarray
    times: np.ndarray

    @property
    def changes_a_minute(self) -> float:
        return 60 * self.changes / self.seconds


def watch(clip: Path, options: Options) -> Steadiness:
    """Run the edge on a clip.

    Raises:
        UserError: the clip or the model is missing or broken, or shows no face for two frames.
    """
    faces: dict[int, list[tuple[float, int]]] = {}
    began = 0.0
    with Pipeline(open_source(str(clip)), Recognizer.from_options(options)) as pipeline:
        for result in pipeline:
            began = result.frame.captured if result.frame.seq == 0 else began
            for face in result.faces:
                seen = faces.setdefault(face.id, [])
                seen.append((result.frame.captured - began, -1 if face.label is None else face.label))
    longest = max(faces.values(), key=len, default=[])
    if len(longest) < 2:
        raise UserError(f"{clip}: shows no face for long enough", "name another by --clip")
    times, labels = (np.array(column) for column in zip(*longest, strict=True))
    return Steadiness(
        float(times[-1] - times[0]), int((labels[1:] != labels[:-1]).sum()), float((labels >= 0).mean()), labels, times
    )


def lag(steady: Steadiness, plain: Steadiness) -> float:
    """Seconds by which steady labels come after plain ones: the delay at which both agree most."""
    period = float(np.median(np.diff(plain.times)))
    delays = range(int(LONGEST_LAG / period) + 1)
    _, steady_at, plain_at = np.intersect1d(np.round(steady.times, 3), np.round(plain.times, 3), return_indices=True)
    common = np.stack([steady.labels[steady_at], plain.labels[plain_at]], axis=1)
    agreement = [float((common[d:, 0] == common[: len(common) - d, 1]).mean()) for d in delays]
    return int(np.argmax(agreement)) * period


def report(rows: Sequence[tuple[str, Steadiness, float]]) -> str:
    """A table in Markdown."""
    return table(
        ["labels", "changes a minute", "frames with a label", "lag, ms"],
        [
            [name, f"{found.changes_a_minute:.1f}", f"{found.labelled:.1%}", f"{1000 * late:.0f}"]
            for name, found, late in rows
        ],
    )


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steadiness", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--clip", type=Path, help="a video; default: the demo's")
    arguments = parser.parse_args()
    quiet_libraries()
    as_it_is = Options(model=arguments.model, smoothing=Smoothing(time_constant=0.0))
    averaged = replace(as_it_is, smoothing=Smoothing(margin=0.0, slack=0.0, dwell=0.0))
    with nullcontext(None) if arguments.clip else tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(str(folder)) / "clip.mp4"
        if folder:
            write_demo_clip(clip)
        plain, mean, steady = (watch(clip, o) for o in (as_it_is, averaged, Options(model=arguments.model)))
    print(
        report(
            [
                ("of each frame", plain, 0.0),
                ("of averages over 250 ms", mean, lag(mean, plain)),
                ("the same with margin, slack and dwell: the default", steady, lag(steady, plain)),
            ]
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
