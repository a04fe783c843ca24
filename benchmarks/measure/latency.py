"""Time of one inference on one face."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from benchmarks.base.harness import Distribution, distribution, interleave, timed_burst
from benchmarks.base.process import restricted_to
from edge.model.bundle import Bundle
from edge.model.classifier import EmotionClassifier


@dataclass(frozen=True)
class Latency:
    """One variant with one number of threads.

    Attributes:
        variant: which.
        threads: threads of an inference.
        ms: milliseconds of one face, from the crop in memory to float probabilities.
        faces_per_second: back to back.
        round_ms: of the medians of each round; where they differ much, the machine was not at rest.
    """

    variant: str
    threads: int
    ms: Distribution
    faces_per_second: float
    round_ms: Distribution


def measure_latency(bundles: Mapping[str, Bundle], threads: Sequence[int], rounds: int) -> list[Latency]:
    """Time every variant with every number of threads, each on as many cores, interleaved."""
    cases = {(variant, n): _case(bundle, n) for (variant, bundle), n in product(bundles.items(), threads)}
    results = interleave("latency", cases, rounds)
    return [_latency(variant, n, bursts) for (variant, n), bursts in results.items()]


def _case(bundle: Bundle, threads: int) -> Callable[[], list[float]]:
    """A turn of one variant; the runtime's threads keep to the cores of the thread that made them."""
    with restricted_to(threads):
        classifier, face = EmotionClassifier.from_bundle(bundle, threads), random_face(bundle)
        classifier.classify(face)

    def turn() -> list[float]:
        with restricted_to(threads):
            return timed_burst(partial(classifier.classify, face))

    return turn


def _latency(variant: str, threads: int, bursts: list[list[float]]) -> Latency:
    """Sum up the seconds of each call in each round."""
    times = np.concatenate(bursts)
    medians = distribution(float(np.median(burst)) * 1000 for burst in bursts)
    return Latency(variant, threads, distribution(times * 1000), len(times) / float(times.sum()), medians)


def random_face(bundle: Bundle) -> np.ndarray:
    """A crop of the model's size, uint8 `[1, size, size, 3]`: noise, for convolutions take as long on anything."""
    shape = (1, bundle.input_size, bundle.input_size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
