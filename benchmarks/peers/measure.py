"""Speed, size and accuracy of other packages, interleaved with our own."""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.base.bootstrap import paired_difference
from benchmarks.base.harness import distribution, distributions
from benchmarks.base.measurement import CORES, PACKAGE, PEAK, SCORES, Measurement, PartialResults, points, spread
from benchmarks.base.plan import Plan
from benchmarks.base.process import ROOT, run_fresh
from benchmarks.measure.accuracy import evaluation_data, scores
from benchmarks.measure.latency import random_face, summed_up
from benchmarks.measure.throughput import run_once
from benchmarks.peers.environment import LOCKS, bytes_in, prepare
from benchmarks.peers.lineup import LONG_TASK_TIMEOUT, OURS, TASK_TIMEOUT, Participant, line_up
from edge.base.classes import EMOTIONS
from edge.base.text_table import Column, Row

Burst = tuple[list[float], int]
"""Seconds of each call, and the most bytes of RAM of the process."""


def measure_clip(plan: Plan) -> PartialResults:
    """Run this pipeline and every package that finds faces on the clip, on every number of cores.

    A row has of each run answers a second between the first and the last frame (`fps`), seconds from the start of the
    process to its `first` answer, and the most bytes of RAM (`peaks`, the worst is `peak`); and the share of the frames
    that it answered in which it found a face (`with_faces`).
    """
    lineup = line_up(plan).that_find_faces()
    return lineup.measure("peers", partial(_answer_clip, plan), _clip_row, plan.cores, plan.rounds)


def _answer_clip(plan: Plan, participant: Participant, cores: int) -> Row:
    if participant.name == OURS:
        run = run_once(plan.shipping, plan.clip, cores)
        return {**run, "first": run["first_record"], "peaks": run["peak"]}
    answer, usage = participant.run("clip", plan.clip, cores)
    if usage.first_line is None:
        raise ValueError("no line was printed for any frame")
    return {**json.loads(answer), "first": usage.first_line, "peaks": usage.peak}


def _clip_row(participant: Participant, cores: int, runs: list[Row]) -> Row:
    figures = distributions(runs, "fps", "first", "peaks") | {"peak": max(run["peaks"] for run in runs)}
    return participant.row(cores=cores, with_faces=runs[0]["with_faces"], **figures)


def measure_models(plan: Plan) -> PartialResults:
    """Time one face in the models of all packages, in fresh processes.

    A row has `ms` and `round_ms` as those of the variants' latency, the package's preprocessing included; and `peaks`,
    of each round the most bytes of RAM of the process, which loads the model and runs it, and no more.
    """
    with _saved(random_face(plan.shipping.input_size)) as face:
        run = partial(_time_face, face)
        return line_up(plan).measure("peers-model", run, _model_row, plan.cores[:1], plan.rounds)


def _time_face(face: Path, participant: Participant, cores: int) -> Burst:
    answer, usage = participant.run("face", face, cores)
    return json.loads(answer), usage.peak


def _model_row(participant: Participant, cores: int, bursts: list[Burst]) -> Row:
    times, peaks = zip(*bursts, strict=True)
    return participant.row(cores=cores, **summed_up(times), peaks=distribution(peaks))


def measure_footprint(plan: Plan) -> PartialResults:
    """Add up files, and time imports in fresh processes; the first import is not counted.

    A row has `size`, bytes of the files of an environment with what is used and no more, Python's own library not among
    them, for our own with this package's code and one model; and `start`, seconds from the start of a process until
    what reads a face is imported, of each.
    """
    lineup = line_up(plan)
    sizes = {one.name: bytes_in(one.python.parents[1]) for one in lineup.participants if one.name != OURS}
    # As for the other packages: in an environment made from the board's lock.
    own = bytes_in(prepare("edge", LOCKS / "edge.txt")) + bytes_in(ROOT / "edge") + len(plan.shipping.model)
    row = partial(_size_row, sizes | {OURS: own})
    return lineup.measure("peers-footprint", _start, row, [plan.most_cores], 1 + plan.rounds)


def _start(participant: Participant, cores: int) -> float:
    code = f"{participant.start}; print(flush=True)"
    seconds = run_fresh([str(participant.python), "-c", code], cores, timeout=TASK_TIMEOUT).first_line
    if seconds is None:
        raise ValueError("its import ended the process")
    return seconds


def _size_row(sizes: Mapping[str, int], participant: Participant, cores: int, times: list[float]) -> Row:
    return participant.row(size=sizes[participant.name], start=distribution(times[1:]))


def measure_accuracy(plan: Plan) -> PartialResults:
    """Classify every image by all packages, each with its own preprocessing, in a process of its environment.

    A row has the scores of `benchmarks.measure.accuracy`, and `difference`, our own `accuracy` minus this one, on the
    same images, with its interval; `ferplus_difference` likewise, None without votes.
    """
    data, answers = evaluation_data(plan), {}

    def row(participant: Participant, cores: int, found: list[np.ndarray]) -> Row:
        answers[participant.name] = found[0]  # our own come first
        ours, theirs = answers[OURS], found[0]
        differences = {
            "difference": _difference(ours, theirs, data.split.classes),
            "ferplus_difference": _difference(ours, theirs, data.ferplus),
        }
        return participant.row(**scores(theirs, data), **differences)

    with _saved(data.split.images) as faces:
        return line_up(plan).measure("peers-accuracy", partial(_answer_faces, faces), row, [plan.most_cores], 1)


def _answer_faces(faces: Path, participant: Participant, cores: int) -> np.ndarray:
    """Probabilities, float32 `[n, 7]`."""
    answer, _ = participant.run("faces", faces, cores, LONG_TASK_TIMEOUT)
    found: np.ndarray = np.load(io.BytesIO(answer))
    expected = (len(np.load(faces, mmap_mode="r")), len(EMOTIONS))
    if found.shape != expected or not np.isfinite(found).all():
        raise ValueError(f"its answers are not probabilities {list(expected)}")
    return found


def _difference(ours: np.ndarray, theirs: np.ndarray, classes: np.ndarray | None) -> Row | None:
    """Return the difference on the images with a clear class."""
    if classes is None or not (clear := classes >= 0).any():
        return None
    return asdict(paired_difference(*((found.argmax(axis=1) == classes)[clear] for found in (ours, theirs))))


@contextmanager
def _saved(images: np.ndarray) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "images.npy", images)
        yield Path(folder) / "images.npy"


CLIP = Measurement(
    "peers",
    measure_clip,
    "**Other packages**, decoding, detection and classification, interleaved with this one",
    (
        PACKAGE,
        CORES,
        Column("FPS", "fps.p50", ".1f"),
        Column("lowest–highest", spread("fps", ".1f")),
        Column("frames with a face", "with_faces", ".0%"),
        Column("first answer s", "first.p50", ".1f"),
        PEAK,
    ),
    {"fps": +1, "peaks": -1},
)

MODELS_ALONE = Measurement(
    "peers-model",
    measure_models,
    "**Their models alone**, interleaved with this one's on one core: a crop in memory to probabilities; the peak of "
    "the process that does only this",
    (
        PACKAGE,
        Column("median ms", "ms.p50", ".3f"),
        Column("p95", "ms.p95", ".3f"),
        Column("rounds' medians", spread("round_ms", ".3f")),
        Column("peak MB", "peaks.maximum", ".0f", 1e-6),
    ),
    {"round_ms": -1, "peaks": -1},
)

FOOTPRINT = Measurement(
    "peers-footprint",
    measure_footprint,
    "**What is installed**: the bytes of an environment with what is used and no more, and the time until a fresh "
    "process has imported it",
    (
        PACKAGE,
        Column("installed MB", "size", ".0f", 1e-6),
        Column("import s", "start.p50", ".2f"),
        Column("lowest–highest", spread("start", ".2f")),
    ),
    {"size": -1, "start": -1},
)

ACCURACIES = Measurement(
    "peers-accuracy",
    measure_accuracy,
    "**Their accuracy** on the same crops, each with its own preprocessing; our own less each one's, points, with 95% "
    "confidence intervals over the images",
    (
        PACKAGE,
        *SCORES,
        Column("less on folder labels", points("difference")),
        Column("less on the majority", points("ferplus_difference")),
    ),
    {"accuracy": +1, "ferplus_accuracy": +1},
)
