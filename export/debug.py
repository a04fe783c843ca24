"""Diagnose int8 quantization errors, and measure remedies.

python -m export debug --run runs/edge --data data/fer2013

Two reports on the validation split, never on the test split:

- layers: each layer's int8 outputs are compared with float's on the same faces;
- remedies: the model is quantized with each remedy alone, and its agreement with float32 measured.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from edge.base.errors import UserError
from edge.base.files import write_whole
from export.calibration import calibrate_probabilities, representative_faces
from export.convert import PLAIN, Quantization, calibrate, convert_float, quantize, wide_activations
from export.edge_tpu import edge_tpu_obstacles
from export.graph import Graph, Operator, probabilities, short_name, values
from export.parity import Parity, compare
from export.ranges import sample_values
from export.source import TrainedRun, add_source_options, load_run, truth
from train.dataset import Split
from train.plots import save_figure

COMPARED_FACES = 32
"""Faces for the comparison of layers; each gives thousands of values per layer."""

WORST = 6
"""Number of layers shown in full."""

BARS, HISTOGRAM_BINS = "▁▂▃▄▅▆▇█", 40

DEFAULT = "(nothing to add)"
"""Options of the default export."""

SILENT = ("QUANTIZE", "DEQUANTIZE", "RESHAPE")
"""Operations without computation of their own."""


@dataclass(frozen=True)
class LayerError:
    """Quantization error of a layer's output, including that of all layers before it.

    Attributes:
        layer: name of the output tensor, the same in float and int8.
        kind: of the operation.
        sqnr: signal-to-quantization-noise ratio, dB: ten times the logarithm of the float values' mean square over
            the error's. 6 dB are one bit.
        fall: dB below the worst of the layer's inputs: the layer's own part.
        rmse_per_step: root mean square error in steps of the tensor's scale; rounding alone gives 0.29.
        offset: share of the squared error that is constant per channel, which bias correction removes.
        low, high: the calibrated range.
        used: share of the 256 steps that the middle 99% of the values cover.
    """

    layer: str
    kind: str
    sqnr: float
    fall: float
    rmse_per_step: float
    offset: float
    low: float
    high: float
    used: float


@dataclass(frozen=True)
class Remedy:
    """A way to quantize.

    Attributes:
        name: for the table.
        option: of `make export`; empty if it serves for comparison only.
        make: returns the content of the file.
        integer: True for an integer-only graph.
    """

    name: str
    option: str
    make: Callable[[], bytes]
    integer: bool = True


def layer_errors(calibrated: bytes, quantized: bytes, faces: np.ndarray) -> list[LayerError]:
    """Compare int8 with float layer by layer on the same faces; the worst layers come first.

    Args:
        calibrated: the float file, as `export.convert.calibrate` makes it.
        quantized: the int8 file made from it.
        faces: uint8 RGB `[n, size, size, 3]`.
    """
    theirs, ours = Graph(calibrated), Graph(quantized)
    by_name = {theirs.name(op.output): op for op in theirs.operators()}
    pairs = [(op, by_name[ours.name(op.output)]) for op in ours.operators() if ours.name(op.output) in by_name]
    pairs = [(op, original) for op, original in pairs if op.kind not in SILENT]
    wanted = values(calibrated, faces, [original.output for _, original in pairs])
    found = values(quantized, faces, [op.output for op, _ in pairs])
    ratios = {op.output: _decibels(w, f) for (op, _), w, f in zip(pairs, wanted, found, strict=True)}
    errors = [
        _layer_error(ours, op, theirs.calibrated_range(original.output), w, f, ratios)
        for (op, original), w, f in zip(pairs, wanted, found, strict=True)
    ]
    return sorted(errors, key=lambda error: error.sqnr)


def remedies(
    network: keras.Model, training: Split, calibrated: dict[bool, bytes], samples: int, seed: int, worst: Sequence[str]
) -> list[Remedy]:
    """List the remedies, each alone, starting from plain post-training quantization.

    Args:
        network: as `export.convert.convert` takes it.
        training: split of the calibration faces.
        calibrated: the calibrated file, with (True) and without equalization.
        samples: calibration faces.
        seed: of their draw.
        worst: names of the worst layers, for the remedy that keeps them in float.
    """
    faces = representative_faces(training, samples, seed)
    rng = np.random.default_rng(seed)
    unbalanced = training.images[rng.permutation(len(training.images))[:samples]]
    more = min(4 * samples, len(training.images))
    in_float = replace(PLAIN, in_float=tuple(map(short_name, worst)))
    default = Quantization()

    def quantized(name: str, how: Quantization) -> Remedy:
        make = partial(quantize, calibrated[how.cross_layer_equalization], faces, how)
        return Remedy(name, _options(how), make, integer=not how.in_float)

    def calibrated_by(name: str, option: str, others: np.ndarray) -> Remedy:
        return Remedy(name, option, lambda: quantize(calibrate(network, others, PLAIN), others, PLAIN))

    return [
        quantized("plain", PLAIN),
        quantized("cross-layer equalization", replace(PLAIN, cross_layer_equalization=True)),
        quantized("finer logits", replace(PLAIN, fine_logits=True)),
        quantized("bias correction", replace(PLAIN, bias_correction=True)),
        quantized("weight rounding", replace(PLAIN, weight_rounding=True)),
        quantized("ranges by mean square error", replace(PLAIN, ranges="mse")),
        quantized("ranges by percentile", replace(PLAIN, ranges="percentile")),
        quantized("bias correction and weight rounding", replace(PLAIN, bias_correction=True, weight_rounding=True)),
        quantized("default: all of these except ranges", default),
        quantized("default with ranges by mean square error", replace(default, ranges="mse")),
        quantized("one scale for all weights of a layer", replace(PLAIN, per_channel=False)),
        quantized("one scale for all weights of a layer, else default", replace(default, per_channel=False)),
        calibrated_by(
            f"{more} calibration images",
            f"{_options(PLAIN)} --samples {more}",
            representative_faces(training, more, seed),
        ),
        calibrated_by("unbalanced calibration images", "", unbalanced),
        quantized(f"the {len(worst)} worst layers in float (not an integer-only graph)", in_float),
        Remedy("16-bit activations", "", lambda: wide_activations(network, faces)),
    ]


@dataclass(frozen=True)
class Settings:
    """Settings of the diagnosis.

    Attributes:
        output: folder of the results.
        samples: number of representative faces.
        seed: of all random draws.
        images: maximum number of validation images; all if None.
        logit_adjustment: strength; fitted if None.
        quantization: of the model whose layers are compared.
    """

    output: Path
    samples: int = 350
    seed: int = 0
    images: int | None = None
    logit_adjustment: float | None = None
    quantization: Quantization = PLAIN


def debug(run: TrainedRun, settings: Settings) -> None:
    """Report on a run's best model; print tables, write `debug.json`, `layers.png` and `ranges.png`.

    Raises:
        UserError: no validation image has a clear label.
    """
    images, right = _draw_validation(run, settings)
    calibrate_probabilities(run, settings.logit_adjustment)
    faces = representative_faces(run.training, settings.samples, settings.seed)
    calibrated = {on: calibrate(run.network, faces, Quantization(cross_layer_equalization=on)) for on in (False, True)}

    whole = calibrated[settings.quantization.cross_layer_equalization]
    errors = layer_errors(whole, quantize(whole, faces, settings.quantization), images[:COMPARED_FACES])
    samples = _samples(whole, images[:COMPARED_FACES], errors[:WORST])
    print(layer_report(errors, samples))

    convolutions = [error.layer for error in errors if error.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    tried = remedies(run.network, run.training, calibrated, settings.samples, settings.seed, convolutions[:WORST])
    outcomes = _try(tried, probabilities(convert_float(run.network), images), images, right, run.config.classes)
    obstacles = edge_tpu_obstacles(quantize(calibrated[True], faces, Quantization()))
    print(remedy_report(outcomes, len(images), obstacles))

    record = {
        "run": str(run.folder),
        "labels": run.labels,
        "mirror": run.mirror,
        "split": "val",
        "images": len(images),
        "quantization": asdict(settings.quantization),
        "layers": [asdict(error) for error in errors],
        "remedies": [{"name": r.name, "option": r.option} | p.as_dict() for r, p in outcomes],
        "edge_tpu_obstacles": obstacles,
    }
    settings.output.mkdir(parents=True, exist_ok=True)
    write_whole(settings.output / "debug.json", json.dumps(record, indent=2) + "\n")
    draw_layers(settings.output / "layers.png", errors)
    draw_ranges(settings.output / "ranges.png", errors[:WORST], samples)
    print(f"written to {settings.output}: debug.json, layers.png, ranges.png")


def _draw_validation(run: TrainedRun, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Draw validation images and their true classes."""
    right = truth(run.labels, run.data, run.validation)
    chosen = np.random.default_rng(settings.seed).permutation(len(right))[: settings.images]
    if not (right[chosen] >= 0).any():
        raise UserError(f"none of {len(chosen)} images has a clear label", "use more by --images")
    return run.validation.images[chosen], right[chosen]


def _try(
    tried: Sequence[Remedy], reference: np.ndarray, images: np.ndarray, right: np.ndarray, classes: tuple[str, ...]
) -> list[tuple[Remedy, Parity]]:
    """Compare each remedy with float32, and print it at once; return the best first."""
    outcomes = []
    for remedy in tried:
        parity = compare(reference, probabilities(remedy.make(), images), right, classes)
        outcomes.append((remedy, parity))
        print(_remedy_line(remedy, parity), flush=True)
    return sorted(outcomes, key=lambda outcome: -outcome[1].agreement)


def layer_report(errors: Sequence[LayerError], samples: dict[str, np.ndarray]) -> str:
    """Format a table of the worst layers, each with its range and a histogram."""
    lines = [f"{'SQNR':>7}{'own':>7}{'rmse/step':>11}{'offset':>8}{'steps used':>12}  layer"]
    for e in errors[:WORST]:
        lines += [
            f"{e.sqnr:>7.1f}{e.fall:>7.1f}{e.rmse_per_step:>11.2f}{e.offset:>8.0%}{e.used:>12.0%}"
            f"  {e.kind} {short_name(e.layer)}",
            f"{'':>7}{e.low:.3g} {bars(samples[e.layer], e.low, e.high)} {e.high:.3g}",
        ]
    return "\n".join([*lines, f"{len(errors)} layers, the median at {np.median([e.sqnr for e in errors]):.1f} dB", ""])


def bars(sample: np.ndarray, low: float, high: float) -> str:
    """Format a histogram of the sample from low to high in one line; heights are logarithmic."""
    counts = np.log1p(np.histogram(sample, HISTOGRAM_BINS, (low, max(high, low + 1e-9)))[0])
    return "".join(BARS[int(np.ceil(c / max(counts.max(), 1e-9) * (len(BARS) - 1)))] for c in counts)


def remedy_report(outcomes: Sequence[tuple[Remedy, Parity]], images: int, obstacles: Sequence[str]) -> str:
    """Format the remedies, best first, and the advice."""
    head = (
        f"{'agrees':>8}{'accuracy':>10}{'macro-F1':>10}{'recall':>8}  remedy ({images} validation faces; points lost)"
    )
    lines = ["", head, *(_remedy_line(remedy, parity) for remedy, parity in outcomes), "", advice(outcomes)]
    tail = [f"Edge TPU: {obstacle}" for obstacle in obstacles[:5]] or ["Edge TPU: every operation is supported"]
    return "\n".join(lines + tail)


def advice(outcomes: Sequence[tuple[Remedy, Parity]]) -> str:
    """Recommend the best remedy in one sentence."""
    available = [(remedy, parity) for remedy, parity in outcomes if remedy.option]
    passing = [(remedy, parity) for remedy, parity in available if not parity.faults()] or available
    best, parity = max(passing, key=lambda outcome: (outcome[0].integer, outcome[1].agreement))
    options = "without options" if best.option == DEFAULT else f"with ARGS='{best.option}'"
    if faults := parity.faults():
        return (
            f"No remedy is sufficient: the best, {best.name}, {faults[0]}; train with less regularization, or longer."
        )
    return f"Run 'make export' {options}: {best.name} agrees on {parity.agreement:.1%}."


def draw_layers(path: Path, errors: Sequence[LayerError]) -> None:
    """Draw the SQNR of all layers, worst on top, to a PNG."""
    figure = Figure(figsize=(9, 2 + 0.18 * len(errors)), layout="constrained")
    axes = figure.subplots()
    shown = list(reversed(errors))
    axes.barh(range(len(shown)), [error.sqnr for error in shown])
    axes.set_yticks(range(len(shown)), [short_name(error.layer) for error in shown], fontsize=6)
    axes.set(xlabel="signal-to-quantization-noise ratio, dB")
    save_figure(path, figure)


def draw_ranges(path: Path, errors: Sequence[LayerError], samples: dict[str, np.ndarray]) -> None:
    """Draw the values of layers within their calibrated ranges to a PNG."""
    figure = Figure(figsize=(8, 2.2 * len(errors)), layout="constrained")
    for axes, e in zip(figure.subplots(len(errors), 1, squeeze=False)[:, 0], errors, strict=True):
        axes.hist(samples[e.layer], bins=100, log=True)
        for limit in (e.low, e.high):
            axes.axvline(limit, color="red")
        axes.set_title(f"{short_name(e.layer)}: {e.sqnr:.1f} dB, {e.used:.0%} of the steps used", fontsize=8)
    save_figure(path, figure)


def main(argv: list[str]) -> int:
    """Run `python -m export debug`; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export debug", description="Diagnose int8 quantization errors.")
    add_source_options(parser)
    parser.add_argument("--images", type=int, help="maximum number of validation images; default: all")
    parser.add_argument("--output", type=Path, help="default: the folder 'debug' of the run")
    parser.add_argument("--per-tensor", action="store_true", help="compare layers with one scale for all weights")
    parser.add_argument("--corrected", action="store_true", help="compare layers as exported, not plain")
    arguments = parser.parse_args(argv)
    settings = Settings(
        output=arguments.output or arguments.run / "debug",
        samples=arguments.samples,
        seed=arguments.seed,
        images=arguments.images,
        logit_adjustment=arguments.logit_adjustment,
        quantization=Quantization() if arguments.corrected else replace(PLAIN, per_channel=not arguments.per_tensor),
    )
    debug(load_run(arguments.run, arguments.data, arguments.labels, mirror=arguments.mirror), settings)
    return 0


def _options(how: Quantization) -> str:
    """Return the options of `make export` for these settings; empty where it has none for them."""
    if not how.per_channel:
        return ""
    names = ("cross_layer_equalization", "fine_logits", "bias_correction", "weight_rounding")
    words = [f"--no-{name.replace('_', '-')}" for name in names if not getattr(how, name)]
    words += [f"--ranges {how.ranges}"] if how.ranges != Quantization.ranges else []
    words += [f"--in-float {' '.join(how.in_float)}"] if how.in_float else []
    return " ".join(words) or DEFAULT


def _layer_error(
    graph: Graph,
    operator: Operator,
    limits: tuple[np.ndarray, np.ndarray] | None,
    wanted: np.ndarray,
    found: np.ndarray,
    ratios: dict[int, float],
) -> LayerError:
    difference = (found - wanted).reshape(-1, wanted.shape[-1])
    scales = graph.scales(operator.output)
    step = float(scales[0]) if len(scales) else 1.0
    low, high = (float(limits[0][0]), float(limits[1][0])) if limits else (float(wanted.min()), float(wanted.max()))
    middle = np.quantile(wanted, [0.005, 0.995])
    given = min((ratios[t] for t in operator.inputs if t in ratios), default=_CLEAN)
    noise = float(np.square(difference).mean())
    return LayerError(
        layer=graph.name(operator.output),
        kind=operator.kind,
        sqnr=ratios[operator.output],
        fall=given - ratios[operator.output],
        rmse_per_step=noise**0.5 / step,
        offset=float(np.square(difference.mean(axis=0)).mean()) / max(noise, 1e-20),
        low=low,
        high=high,
        used=float(middle[1] - middle[0]) / max(high - low, 1e-9),
    )


_CLEAN = 49.9
"""dB of eight bits in full use, 6.02 * 8 + 1.76: the model's input."""


def _decibels(wanted: np.ndarray, found: np.ndarray) -> float:
    noise = max(float(np.square(found - wanted).mean()), 1e-20)
    return float(10 * np.log10(max(float(np.square(wanted).mean()), 1e-20) / noise))


def _samples(content: bytes, faces: np.ndarray, errors: Sequence[LayerError]) -> dict[str, np.ndarray]:
    graph, names = Graph(content), {error.layer for error in errors}
    tensors = [tensor for tensor in graph.tensors() if graph.name(tensor) in names]
    return {graph.name(tensor): seen for tensor, seen in sample_values(content, faces, tensors).items()}


def _remedy_line(remedy: Remedy, parity: Parity) -> str:
    mark = "" if parity.faults() else "  passes"
    return (
        f"{parity.agreement:>8.2%}{100 * parity.accuracy_loss:>10.2f}{100 * parity.macro_f1_loss:>10.2f}"
        f"{100 * max(parity.recall_loss):>8.2f}  {remedy.name}  {remedy.option}{mark}"
    )
