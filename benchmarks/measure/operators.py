"""Time of each layer in each variant, by the runtime's profiler.

    python -m benchmarks.measure.operators FOLDER VARIANT ANSWER

is the process that is profiled: once by the profiler, and once as `edge` runs the model, so that one can see how much
of an inference the layers explain. Both are means over a turn on one thread and one core.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base.graph import Operator, operators
from benchmarks.base.harness import Distribution, distribution, interleave, timed_burst
from benchmarks.base.process import CrashError, run_module
from benchmarks.base.record import Record
from benchmarks.measure.latency import random_face
from benchmarks.measure.profiler import Kernel, profile
from edge.base.errors import UserError, exit_on_user_error
from edge.model.bundle import Bundle, load_bundle
from edge.model.classifier import EmotionClassifier

RUNS = {"CONVOLUTION": ("CONV_2D", "DEPTHWISE_CONV_2D"), "FULLY_CONNECTED": ("CONV_2D",), "MULTIPLY": ("MUL",)}
"""Kernels of XNNPACK that run operators of another name; a convolution of 1×1 is a product of matrices to it."""


@dataclass(frozen=True)
class Layer:
    """One kernel of an inference.

    Attributes:
        kind: of the operator, with the kernel's height and width, such as `conv_2d 3×3`; the name of the kernel where
            it belongs to no operator.
        name: of the layer, empty where the kernel belongs to none.
        kernel: what ran, as its library calls it.
        input_shape: shape of the first input, empty where the kernel belongs to no operator.
        output_shape: shape of the first output, likewise.
        multiply_adds: of convolutions and dense layers.
        ms: median over the rounds.
    """

    kind: str
    name: str
    kernel: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    multiply_adds: int
    ms: float


@dataclass(frozen=True)
class Profile:
    """One variant.

    Attributes:
        variant: which.
        inference_ms: of each round, the mean of whole inferences without a profiler.
        layers_ms: milliseconds of all layers together.
        layers: in the order they run.
    """

    variant: str
    inference_ms: Distribution
    layers_ms: float
    layers: tuple[Layer, ...]


def measure_operators(bundles: Mapping[str, Bundle], rounds: int) -> list[Profile]:
    """Profile every variant, interleaved, in fresh processes.

    Raises:
        UserError: this runtime has no profiler, or one that crashes.
    """
    cases = {variant: partial(_profiled, bundle) for variant, bundle in bundles.items()}
    found = interleave("operators", cases, rounds)
    return [_profile(variant, operators(bundles[variant].model), runs) for variant, runs in found.items()]


def _profiled(bundle: Bundle) -> dict[str, Any]:
    """Profile in a fresh process: LiteRT's C API may change, and a crash must not end the other measurements."""
    try:
        return run_module("benchmarks.measure.operators", [bundle.folder.resolve(), bundle.variant], 1)
    except CrashError as error:
        raise UserError("the profiler of this runtime crashes", "install ai-edge-litert 2.3") from error


def _profile(variant: str, graph: Sequence[Operator], runs: Sequence[dict[str, Any]]) -> Profile:
    times = np.median([[kernel["ms"] for kernel in run["kernels"]] for run in runs], axis=0)
    names = [kernel["name"] for kernel in runs[0]["kernels"]]
    layers = name_layers(graph, [Kernel(*kernel) for kernel in zip(names, times.tolist(), strict=True)])
    inference = distribution(run["inference_ms"] for run in runs)
    return Profile(variant, inference, sum(layer.ms for layer in layers), tuple(layers))


def name_layers(graph: Sequence[Operator], kernels: Sequence[Kernel]) -> list[Layer]:
    """Match kernels with the operators that they run.

    Both stand in the order of the graph. Operators that the runtime has folded into others, or does before an inference
    such as making floats of stored weights, are passed over, but none that multiplies: that would be a mistake.
    """
    layers, ahead = [], list(graph)
    for kernel in kernels:
        at = _place(kernel, ahead)
        layers.append(_layer(kernel, None if at is None else ahead[at]))
        del ahead[: 0 if at is None else at + 1]
    return layers


def by_kind(profile: Record) -> dict[str, tuple[int, float]]:
    """Number and milliseconds of a variant's layers by their kind, the slowest kind first; from a row of a record."""
    kinds: dict[str, tuple[int, float]] = {}
    for layer in profile["layers"]:
        n, ms = kinds.get(layer["kind"], (0, 0.0))
        kinds[layer["kind"]] = n + 1, ms + layer["ms"]
    return dict(sorted(kinds.items(), key=lambda item: -item[1][1]))


def _place(kernel: Kernel, ahead: Sequence[Operator]) -> int | None:
    """Index of the operator that a kernel runs; None where it runs none of them."""
    plain = kernel.name.split(" (")[0].upper().replace(" ", "_")
    for i, operator in enumerate(ahead):
        if operator.kind == plain or operator.kind in RUNS.get(plain, ()):
            return i
        if operator.multiply_adds:
            return None
    return None


def _layer(kernel: Kernel, operator: Operator | None) -> Layer:
    if operator is None:
        return Layer(kernel.name, "", kernel.name, (), (), 0, kernel.ms)
    kind = operator.kind.lower() + (" {}×{}".format(*operator.window) if operator.window else "")
    return Layer(
        kind, operator.name, kernel.name, operator.input_shape, operator.output_shape, operator.multiply_adds, kernel.ms
    )


def main() -> int:
    """Run the profiled process."""
    folder, variant, answer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    bundle = load_bundle(folder, variant)
    kernels = profile(bundle.model)
    whole = timed_burst(partial(EmotionClassifier.from_bundle(bundle, 1).classify, random_face(bundle)))
    figures = {"inference_ms": 1000 * float(np.mean(whole)), "kernels": [asdict(kernel) for kernel in kernels]}
    answer.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
