"""Choose the quantization range of each tensor, between calibration and quantization."""

from typing import Literal

import numpy as np

from export.graph import Graph, values, watch

Ranges = Literal["minmax", "percentile", "mse"]
"""`minmax`: the extremes of calibration; `percentile`: without the outermost 0.01% of the values on either side;
`mse`: the range with the least mean square error of rounding and clipping together."""

TAIL_SHARE = 0.0001
PER_FACE = 2000
"""Values drawn from each tensor on each face."""

SHARES = np.linspace(0.5, 1.0, 26)
"""Shares of the extremes that are candidates of `mse`."""

LOGIT_SHARES = np.linspace(0.04, 1.0, 25)
"""Shares of the extremes of the logits that are tried for either side."""


def set_ranges(calibrated: bytes, faces: np.ndarray, ranges: Ranges) -> bytes:
    """Narrow the ranges of a calibrated graph.

    Args:
        calibrated: float `.tflite` file with the extremes that calibration saw.
        faces: uint8 RGB `[n, size, size, 3]`.
        ranges: how to choose; pixels and probabilities, whose ranges are by contract, keep theirs.
    """
    if ranges == "minmax":
        return calibrated
    narrowed = bytearray(calibrated)
    graph = Graph(narrowed)
    computed = {op.output for op in graph.operators()} - {*graph.inputs(), *graph.outputs()}
    for tensor, seen in sample_values(calibrated, faces, sorted(computed)).items():
        if limits := graph.calibrated_range(tensor):
            choose = percentile_range if ranges == "percentile" else mse_range
            limits[0][:], limits[1][:] = choose(seen)
    return bytes(narrowed)


def set_logit_range(calibrated: bytes, faces: np.ndarray) -> bytes:
    """Choose the logits' range by the least error of the probabilities.

    Two classes whose logits fall on one step are a tie, which the first of them wins: over the extremes a step is a
    tenth of a logit, and one face in fifty is a tie. A logit far below the largest one has no influence on the softmax,
    so clipping it makes the steps finer where classes are decided.

    Args:
        calibrated: float `.tflite` file with ranges.
        faces: uint8 RGB `[n, size, size, 3]`.
    """
    narrowed = bytearray(calibrated)
    graph = Graph(narrowed)
    for softmax in (op for op in graph.operators() if op.kind == "SOFTMAX"):
        if limits := graph.calibrated_range(softmax.inputs[0]):
            limits[0][:], limits[1][:] = logit_range(values(calibrated, faces, softmax.inputs)[0])
    return bytes(narrowed)


def logit_range(logits: np.ndarray) -> tuple[float, float]:
    """Return the range of logits, float32 `[n, classes]`, with the least mean square error of the probabilities."""
    exact = _softmax(logits)
    low, high = min(float(logits.min()), 0.0), max(float(logits.max()), 0.0)
    tried = [(a * low, b * high) for a in LOGIT_SHARES for b in LOGIT_SHARES]
    errors = [np.square(_softmax(rounded(logits, *limits)) - exact).mean() for limits in tried]
    return tried[int(np.argmin(errors))]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sample_values(content: bytes, faces: np.ndarray, tensors: list[int]) -> dict[int, np.ndarray]:
    """Sample values of tensors from all faces, float32 `[k]` each."""
    rng, graph = np.random.default_rng(0), Graph(content)
    seen: dict[int, list[np.ndarray]] = {tensor: [] for tensor in tensors}

    def draw(get) -> None:  # type: ignore[no-untyped-def]
        for tensor in tensors:
            stored = get(tensor).ravel()
            seen[tensor].append(graph.real(tensor, rng.choice(stored, min(PER_FACE, stored.size), replace=False)))

    watch(content, faces, draw)
    return {tensor: np.concatenate(parts) for tensor, parts in seen.items()}


def percentile_range(seen: np.ndarray) -> tuple[float, float]:
    """Return minimum and maximum without the tails; the range includes zero, as the format requires."""
    low, high = np.quantile(seen, [TAIL_SHARE, 1 - TAIL_SHARE])
    return min(float(low), 0.0), max(float(high), 0.0)


def mse_range(seen: np.ndarray) -> tuple[float, float]:
    """Return the share of the extremes with the least mean square error."""
    low, high = min(float(seen.min()), 0.0), max(float(seen.max()), 0.0)
    errors = [np.square(seen - rounded(seen, share * low, share * high)).mean() for share in SHARES]
    best = SHARES[int(np.argmin(errors))]
    return best * low, best * high


def rounded(exact: np.ndarray, low: float, high: float) -> np.ndarray:
    """Round values to 256 steps from low to high."""
    step = max(high - low, 1e-9) / 255
    return np.clip(np.round(exact / step), np.round(low / step), np.round(high / step)) * step
