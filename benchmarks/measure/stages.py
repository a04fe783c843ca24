"""Speed of each stage alone and of the pipeline, and the processor time of each part of a frame.

    python -m benchmarks.measure.stages FOLDER VARIANT CLIP ANSWER

is the process that is measured; it leaves the figures of one run in the file ANSWER.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.base.harness import interleave
from benchmarks.base.process import run_module
from edge.base.machine import spare_cores
from edge.base.settings import Options
from edge.faces import recognizer
from edge.faces.detector import Haar, YuNet
from edge.faces.recognizer import Recognizer
from edge.faces.roi_search import Search
from edge.faces.smoother import Smoother
from edge.faces.tracker import Tracker
from edge.model.bundle import Bundle
from edge.model.classifier import EmotionClassifier
from edge.outputs.lines import JsonLines
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.sources import Source, open_source

MOST_FRAMES = 300
"""Frames that are held in memory, for stages that are to wait for nothing."""

PARTS = ("decode", "search", "detect", "track", "align", "classify", "smooth", "outputs")
"""Parts of a frame's processor time, in the order in which a frame passes them."""

NETWORKS = ("decode", "detect", "classify")
"""Parts that are work of libraries; the others are the pipeline's own."""

REST = "rest"


@dataclass(frozen=True)
class Stages:
    """One variant on a number of cores; medians of all runs.

    Attributes:
        variant: which.
        cores: that the process was allowed to use.
        alone: frames a second of each stage (`decode`, `detect`, `classify`) by itself.
        together: frames a second of the pipeline.
        of_slowest: the same as a share of the slowest stage's.
        overhead: share of the processor's time that went neither into decoding nor into the networks of detection and
            recognition; None where stages use threads of libraries, whose time nobody tells apart.
        shares: of that time by part (`PARTS`, and `REST` for what is in none of them: handing over, waking up), each
            without the parts inside it, of a run that writes its records to a file; None as above.
    """

    variant: str
    cores: int
    alone: dict[str, float]
    together: float
    of_slowest: float
    overhead: float | None
    shares: dict[str, float] | None


def measure_stages(bundles: Mapping[str, Bundle], clip: Path, cores: Sequence[int], rounds: int) -> list[Stages]:
    """Run the stages of every variant on every number of cores, interleaved."""
    cases = {
        (variant, n): partial(
            run_module, "benchmarks.measure.stages", [bundle.folder.resolve(), variant, clip.resolve()], n
        )
        for (variant, bundle), n in product(bundles.items(), cores)
    }
    results = interleave("stages", cases, rounds)
    return [_stages(variant, n, runs) for (variant, n), runs in results.items()]


def _stages(variant: str, cores: int, runs: list[dict[str, Any]]) -> Stages:
    return Stages(
        variant,
        cores,
        _medians([run["alone"] for run in runs]),
        float(np.median([run["together"] for run in runs])),
        float(np.median([run["together"] / min(run["alone"].values()) for run in runs])),
        float(np.median([run["overhead"] for run in runs])) if cores == 1 else None,
        _medians([run["shares"] for run in runs]) if cores == 1 else None,
    )


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.median([run[key] for run in runs])) for key in runs[0]}


class CpuTime:
    """Seconds of processor time that threads spent in the parts of the edge, each without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._now = threading.local()

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose time is counted under the part."""

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


def alone(clip: Path, recognizer: Recognizer) -> dict[str, float]:
    """Frames a second of each stage, that has all it needs in memory."""
    source = open_source(str(clip))
    rates, frames = _rated(islice(iter(source.read, None), MOST_FRAMES))
    source.close()
    found_rate, found = _rated(map(recognizer.detect, frames))
    read_rate, _ = _rated(map(recognizer.classify, found))
    recognizer.forget()
    return {"decode": rates, "detect": found_rate, "classify": read_rate}


def _rated(results: Any) -> tuple[float, list[Any]]:
    started = time.perf_counter()
    kept = list(results)
    return len(kept) / (time.perf_counter() - started), kept


def together(clip: Path, recognizer: Recognizer) -> float:
    """Frames a second of the pipeline."""
    with Pipeline(open_source(str(clip)), recognizer) as pipeline:
        for _ in pipeline:
            pass
    return pipeline.statistics.fps()


def shares(clip: Path, options: Options, outputs: Sequence[Output] = ()) -> dict[str, float]:
    """Run the pipeline; by part, and for the rest, its share of the processor's time after the first frame."""
    spent, source = CpuTime(), open_source(str(clip))
    with ExitStack() as stack:
        for part, owner, name in parts(source, outputs):
            stack.enter_context(patch.object(owner, name, spent.timed(part, getattr(owner, name))))
        recognizer = Recognizer.from_options(options)
        with Pipeline(source, recognizer, outputs) as pipeline:
            results = iter(pipeline)
            next(results)  # what is made at the first frame is not the pipeline's
            began, before = time.process_time(), spent.seconds.copy()
            for _ in results:
                pass
        passed = time.process_time() - began
    found = {part: (seconds - before[part]) / passed for part, seconds in spent.seconds.items()}
    return {part: found.get(part, 0.0) for part in PARTS} | {REST: 1 - sum(found.values())}


def parts(source: Source, outputs: Sequence[Output]) -> list[tuple[str, Any, str]]:
    """Name of each part, and the object and attribute that implement it."""
    return [
        ("decode", type(source), "read"),
        ("search", Search, "find"),
        *(("detect", detector, "detect") for detector in (YuNet, Haar)),
        ("track", Tracker, "update"),
        ("align", recognizer, "crop_face"),
        ("classify", EmotionClassifier, "classify"),
        *(("smooth", Smoother, name) for name in ("update", "keep")),
        *(("outputs", output, "write") for output in outputs),
    ]


def main() -> int:
    """Run the measured process."""
    folder, variant, clip, answer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    options = Options(model=folder, variant=variant)
    cv2.setNumThreads(spare_cores())  # as `emotion-edge run`
    recognizer = Recognizer.from_options(options)
    together(clip, recognizer)  # not counted: caches fill
    recognizer.forget()
    figures = {"alone": alone(clip, recognizer), "together": together(clip, Recognizer.from_options(options))}
    figures["overhead"] = 1 - sum(shares(clip, options)[part] for part in NETWORKS)
    figures["shares"] = shares(clip, options, [JsonLines(answer.with_name("records.jsonl"), live=True)])
    answer.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
