"""Speed of each stage alone and of the pipeline, and the processor time of each part of a frame."""

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice, product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.base.harness import interleave
from benchmarks.base.measurement import CORES, VARIANT, Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import call_fresh
from edge.base.machine import spare_cores
from edge.base.settings import Options
from edge.base.text_table import Column, Row, Rows, draw
from edge.faces import crops
from edge.faces.detector import Haar, YuNet
from edge.faces.recognizer import Recognizer
from edge.faces.roi_search import Search
from edge.faces.smoother import Smoother
from edge.faces.tracker import Tracker
from edge.model.classifier import EmotionClassifier
from edge.outputs.lines import JsonLines
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.sources import Source, open_source

MAX_FRAMES = 300
"""Frames held in memory, so that a stage waits for nothing."""

PARTS = ("decode", "search", "detect", "track", "align", "classify", "smooth", "outputs")
"""Parts of a frame's processor time, in the order in which a frame passes them."""

NETWORKS = ("decode", "detect", "classify")
"""Parts that run in libraries; the others are the pipeline's own code."""

REST_OF_TIME = "rest"


def measure_stages(plan: Plan) -> list[Row]:
    """Run the stages on every number of cores, interleaved.

    A row has medians of all runs, see `run_stages`, and `of_slowest`, the pipeline's frames a second as a share of the
    slowest stage's. `overhead` and `shares` are None on several cores: there stages use threads of libraries, whose
    time cannot be attributed.
    """
    bundle = plan.shipping
    what = run_stages, bundle.folder.resolve(), bundle.variant, plan.clip.resolve()
    results = interleave("stages", lambda n: call_fresh(*what, cores=n)[0], product(plan.cores), plan.rounds)
    return [
        {"variant": bundle.variant, "cores": n, **_medians(runs, one_core=n == 1)} for (n,), runs in results.items()
    ]


def _medians(runs: Sequence[Row], *, one_core: bool) -> Row:
    def parts(key: str) -> dict[str, float]:
        return {part: float(np.median([run[key][part] for run in runs])) for part in runs[0][key]}

    return {
        "alone": parts("alone"),
        "together": float(np.median([run["together"] for run in runs])),
        "of_slowest": float(np.median([run["together"] / min(run["alone"].values()) for run in runs])),
        "overhead": float(np.median([run["overhead"] for run in runs])) if one_core else None,
        "shares": parts("shares") if one_core else None,
    }


def run_stages(folder: str, variant: str, clip: str) -> Row:
    """Run the stages one by one and together; runs in the measured process.

    Returns:
        Frames a second of each stage `alone` (decode, detect, classify) and `together`; `overhead`, the share of the
        processor's time that went neither into decoding nor into the networks; and `shares` of that time by part
        (`PARTS`, and `REST_OF_TIME` for what is in none of them: handing over, waking up), each without the parts
        inside it, of a run that writes its records to a file.
    """
    cv2.setNumThreads(spare_cores())  # as `emotion-edge run`
    options = Options(model=Path(folder), variant=variant)
    recognizer = Recognizer.from_options(options)
    _together(clip, recognizer)  # not counted: fills caches
    recognizer.reset()
    figures = {"alone": _alone(clip, recognizer), "together": _together(clip, Recognizer.from_options(options))}
    figures["overhead"] = 1 - sum(shares(clip, options)[part] for part in NETWORKS)
    with tempfile.TemporaryDirectory() as temporary:
        output = JsonLines(Path(temporary) / "records.jsonl", live=True)
        return figures | {"shares": shares(clip, options, [output])}


class CpuTime:
    """Seconds of processor time that threads spent in the parts of the edge, each without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._now = threading.local()

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its time counts towards a part."""

        def run(*arguments: Any, **named: Any) -> Any:
            around, self._now.part = getattr(self._now, "part", None), part
            started = time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                took, self._now.part = time.thread_time() - started, around
                self.seconds[part] += took  # a part belongs to one thread
                if around is not None:
                    self.seconds[around] -= took

        return run


def shares(clip: str, options: Options, outputs: Sequence[Output] = ()) -> dict[str, float]:
    """Run the pipeline; return the share of processor time after the first frame, by part and for the rest."""
    spent, source = CpuTime(), open_source(clip)
    with ExitStack() as stack:
        for part, owner, name in _parts(source, outputs):
            stack.enter_context(patch.object(owner, name, spent.timed(part, getattr(owner, name))))
        with Pipeline(source, Recognizer.from_options(options), outputs) as pipeline:
            results = iter(pipeline)
            next(results)  # initialization at the first frame does not count
            began, before = time.process_time(), spent.seconds.copy()
            for _ in results:
                pass
        passed = time.process_time() - began
    found = {part: (seconds - before[part]) / passed for part, seconds in spent.seconds.items()}
    return {part: found.get(part, 0.0) for part in PARTS} | {REST_OF_TIME: 1 - sum(found.values())}


def _parts(source: Source, outputs: Sequence[Output]) -> list[tuple[str, Any, str]]:
    """Name of each part, and the object and attribute that implement it."""
    return [
        ("decode", type(source), "read"),
        ("search", Search, "find"),
        *(("detect", detector, "detect") for detector in (YuNet, Haar)),
        ("track", Tracker, "update"),
        ("align", crops, "crop_face"),
        ("classify", EmotionClassifier, "classify"),
        *(("smooth", Smoother, name) for name in ("update", "keep")),
        *(("outputs", output, "write") for output in outputs),
    ]


def _alone(clip: str, recognizer: Recognizer) -> Mapping[str, float]:
    """Measure frames per second of each stage, with its inputs in memory."""
    source = open_source(clip)
    decode, frames = _rate(islice(iter(source.read, None), MAX_FRAMES))
    source.close()
    detect, found = _rate(map(recognizer.detect, frames))
    classify, _ = _rate(map(recognizer.classify, found))
    recognizer.reset()
    return {"decode": decode, "detect": detect, "classify": classify}


def _rate(results: Any) -> tuple[float, list[Any]]:
    started = time.perf_counter()
    kept = list(results)
    return len(kept) / (time.perf_counter() - started), kept


def _together(clip: str, recognizer: Recognizer) -> float:
    """Measure frames per second of the pipeline."""
    with Pipeline(open_source(clip), recognizer) as pipeline:
        for _ in pipeline:
            pass
    return pipeline.statistics.fps()


def _shares_table(rows: Rows) -> list[str]:
    columns = (VARIANT, *(Column(part, f"shares.{part}", ".1%") for part in (*PARTS, REST_OF_TIME)))
    known = [row for row in rows if row["shares"]]
    return ["Processor time of a frame on one core:", draw(columns, known, markdown=True)] if known else []


STAGES = Measurement(
    "stages",
    measure_stages,
    "**Its stages**, frames a second: each alone, all together; overhead is the share of processor time outside "
    "decoding and networks",
    (
        VARIANT,
        CORES,
        *(Column(f"{stage} alone", f"alone.{stage}", ".0f") for stage in ("decode", "detect", "classify")),
        Column("together", "together", ".0f"),
        Column("of slowest", "of_slowest", ".0%"),
        Column("overhead", "overhead", ".1%"),
    ),
    more=_shares_table,
    usual=True,
)
