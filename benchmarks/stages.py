"""What the pipeline adds to its stages: each of them alone, all of them together, and the time outside them.

    python -m benchmarks.stages FOLDER VARIANT CLIP ANSWER

is the process that is measured; it leaves the figures of one run in the file ANSWER.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.harness import interleave
from benchmarks.process import run_module
from edge.bundle import Bundle, load_bundle
from edge.classify import EmotionClassifier
from edge.detect import Detector, open_detector
from edge.machine import usable_cores
from edge.options import Options
from edge.pipeline import Pipeline
from edge.recognize import Recognizer
from edge.search import Search
from edge.sources import open_source

MOST_FRAMES = 300
"""Frames that are held in memory, for stages that are to wait for nothing."""


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
    """

    variant: str
    cores: int
    alone: dict[str, float]
    together: float
    of_slowest: float
    overhead: float | None


def measure_stages(bundles: Mapping[str, Bundle], clip: Path, cores: Sequence[int], rounds: int) -> list[Stages]:
    """Run the stages of every variant on every number of cores, in turns.

    Args:
        bundles: by variant.
        clip: a video.
        cores: numbers of cores.
        rounds: runs of each.
    """
    cases = {
        (variant, n): partial(run_module, "benchmarks.stages", [bundle.folder.resolve(), variant, clip.resolve()], n)
        for (variant, bundle), n in product(bundles.items(), cores)
    }
    results = interleave("stages", cases, rounds)
    return [_stages(variant, n, runs) for (variant, n), runs in results.items()]


def _stages(variant: str, cores: int, runs: list[dict[str, Any]]) -> Stages:
    return Stages(
        variant,
        cores,
        {stage: float(np.median([run["alone"][stage] for run in runs])) for stage in runs[0]["alone"]},
        float(np.median([run["together"] for run in runs])),
        float(np.median([run["together"] / min(run["alone"].values()) for run in runs])),
        float(np.median([run["overhead"] for run in runs])) if cores == 1 else None,
    )


class Timed:
    """A function, and the seconds that the calling thread spent on a processor in it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call, self.seconds = call, 0.0

    def __call__(self, *arguments: Any) -> Any:
        started = time.thread_time()
        result = self._call(*arguments)
        self.seconds += time.thread_time() - started
        return result


class _TimedDetector:
    """A detector whose network's time is added up with that of others."""

    def __init__(self, detector: Detector, spent: list[Timed]) -> None:
        self.detect = Timed(detector.detect)
        spent.append(self.detect)


def alone(clip: Path, recognizer: Recognizer) -> dict[str, float]:
    """Frames a second of each stage, that has all it needs in memory."""
    source = open_source(str(clip))
    rates, frames = _rated(islice(iter(source.read, None), MOST_FRAMES))
    source.close()
    found_rate, found = _rated(map(recognizer.find, frames))
    read_rate, _ = _rated(map(recognizer.read, found))
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


def overhead(clip: Path, bundle: Bundle, options: Options) -> float:
    """Share of the processor's time that went into none of decoding, detection and inference."""
    spent: list[Timed] = []
    make = partial(open_detector, options.detector, threshold=options.detector_threshold)
    search = Search(lambda side: _TimedDetector(make(side), spent), options.detector_side, options.search_every)
    classifier, source = EmotionClassifier.from_bundle(bundle), open_source(str(clip))
    for owner, name in ((classifier, "classify"), (source, "read")):
        spent.append(Timed(getattr(owner, name)))
        setattr(owner, name, spent[-1])
    with Pipeline(source, Recognizer(search, classifier, bundle.template, options)) as pipeline:
        results = iter(pipeline)
        next(results)  # what is made at the first frame is not the pipeline's
        began, before = time.process_time(), sum(timed.seconds for timed in spent)
        for _ in results:
            pass
        passed = time.process_time() - began
    return 1 - (sum(timed.seconds for timed in spent) - before) / passed


def main() -> int:
    """Be the process that is measured."""
    folder, variant, clip, answer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    options = Options(model=folder, variant=variant)
    cv2.setNumThreads(max(1, usable_cores() - 1))  # as `emotion-edge run`
    recognizer = Recognizer.from_options(options)
    together(clip, recognizer)  # not counted: caches fill
    recognizer.forget()
    figures = {"alone": alone(clip, recognizer), "together": together(clip, Recognizer.from_options(options))}
    figures["overhead"] = overhead(clip, load_bundle(folder, variant), options)
    answer.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
