"""Time of each kind of operator in each variant, by the runtime's profiler."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.base.graph import Operator, operators
from benchmarks.base.harness import distribution, interleave, timed_burst
from benchmarks.base.plan import Plan
from benchmarks.base.process import CrashError, call_fresh
from benchmarks.base.report_table import ReportTable, ratio
from benchmarks.measure.latency import random_face
from benchmarks.measure.profiler import Kernel, profile
from edge.base.errors import UserError
from edge.base.text_table import UNKNOWN, Row, Rows, table
from edge.model.bundle import Bundle, load_bundle
from edge.model.classifier import EmotionClassifier

RUNS = {"CONVOLUTION": ("CONV_2D", "DEPTHWISE_CONV_2D"), "FULLY_CONNECTED": ("CONV_2D",), "MULTIPLY": ("MUL",)}
"""Kernels of XNNPACK that run operators of another name; a convolution of 1×1 is a product of matrices to it."""

ALL_LAYERS, INFERENCE = "all layers", "a whole inference"


def measure_operators(plan: Plan) -> list[Row]:
    """Profile every variant, interleaved, in fresh processes.

    A row has `inference_ms`, of each round the mean of whole inferences without a profiler; number and milliseconds of
    the layers by their kind (`kinds`, the slowest first, medians over the rounds), and of all together (`layers`).

    Raises:
        UserError: this runtime has no profiler, or one that crashes.
    """
    found = interleave("operators", lambda v: _profiled(plan.bundles[v]), product(plan.bundles), plan.rounds)
    return [_row(variant, operators(plan.bundles[variant].model), runs) for (variant,), runs in found.items()]


def _profiled(bundle: Bundle) -> Row:
    """Profile in a fresh process: LiteRT's C API may change, and a crash must not end the other measurements."""
    try:
        found: Row = call_fresh(run_both_ways, bundle.folder.resolve(), bundle.variant, cores=1)[0]
    except CrashError as error:
        raise UserError("the profiler of this runtime crashes", "install ai-edge-litert 2.3") from error
    return found


def run_both_ways(folder: str, variant: str) -> Row:
    """Run by the profiler, and as `edge` runs the model, to see how much of an inference the layers explain.

    The profiled process; both are means over a turn on one thread and one core.
    """
    bundle = load_bundle(Path(folder), variant)
    kernels, classifier = profile(bundle.model), EmotionClassifier.from_bundle(bundle, 1)
    whole = timed_burst(partial(classifier.classify, random_face(bundle.input_size)))
    return {"inference_ms": 1000 * float(np.mean(whole)), "kernels": kernels}


def _row(variant: str, graph: Sequence[Operator], runs: Sequence[Row]) -> Row:
    times = np.median([[ms for _, ms in run["kernels"]] for run in runs], axis=0).tolist()
    kernels = [(name, ms) for (name, _), ms in zip(runs[0]["kernels"], times, strict=True)]
    inference = distribution(run["inference_ms"] for run in runs)
    return {
        "variant": variant,
        "inference_ms": inference,
        "kinds": by_kind(graph, kernels),
        "layers": [len(times), sum(times)],
    }


def by_kind(graph: Sequence[Operator], kernels: Sequence[Kernel]) -> dict[str, list[float]]:
    """Number and milliseconds of kernels by the kind of the operator that they run, such as `conv_2d 3×3`.

    Both stand in the order of the graph. Operators that the runtime has folded into others, or does before an inference
    such as making floats of stored weights, are passed over, but none that multiplies: that would be a mistake. A
    kernel that belongs to no operator goes by its own name.
    """
    kinds: dict[str, list[float]] = {}
    ahead = list(graph)
    for kernel, ms in kernels:
        kind = kernel
        if (at := _place(kernel, ahead)) is not None:
            kind = ahead[at].title
            del ahead[: at + 1]
        n, so_far = kinds.get(kind, (0, 0.0))
        kinds[kind] = [n + 1, so_far + ms]
    return dict(sorted(kinds.items(), key=lambda item: -item[1][1]))


def _place(kernel: str, ahead: Sequence[Operator]) -> int | None:
    """Index of the operator that a kernel runs; None where it runs none of them."""
    plain = kernel.split(" (")[0].upper().replace(" ", "_")
    for i, operator in enumerate(ahead):
        if operator.kind == plain or operator.kind in RUNS.get(plain, ()):
            return i
        if operator.multiply_adds:
            return None
    return None


def _table(rows: Rows) -> list[str]:
    """Number, milliseconds and share of each kind, and the ratio to the first variant's time."""
    ends = [{ALL_LAYERS: row["layers"], INFERENCE: [None, row["inference_ms"]["p50"]]} for row in rows]
    lines = {kind: [kind] for kind in [*(kind for row in rows for kind in row["kinds"]), *ends[0]]}
    titles, gap = ["kind"], (None, None)
    for row, end in zip(rows, ends, strict=True):
        beside, found = row is not rows[0], row["kinds"] | end
        titles += [f"{row['variant']} n", "ms", "share", *[f"of {rows[0]['variant']}"] * beside]
        for kind, line in lines.items():
            (n, ms), (first_n, first_ms) = found.get(kind, gap), (rows[0]["kinds"] | ends[0]).get(kind, gap)
            line.append(str(n or UNKNOWN))
            line += [UNKNOWN] * 2 if ms is None else [f"{ms:.3f}", ratio(ms, row["layers"][1], ".0%")]
            alike = None not in (ms, first_ms) and (n == first_n or kind == ALL_LAYERS)
            line += [ratio(ms, first_ms, ".2f") if alike else UNKNOWN] * beside
    return [table(titles, list(lines.values()), markdown=True)]


TABLE = ReportTable(
    "**Operators**, by the runtime's profiler, on one thread; times of kernels in whole microseconds",
    compared={"inference_ms": -1},
    more=_table,
)
