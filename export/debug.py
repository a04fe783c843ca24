"""Finds out why an int8 model does not answer like float32, and what brings it back.

python -m export debug --run runs/edge --data data/fer2013

Two questions, answered on the validation split, never on the test split:

- where: each layer's values in int8 are compared with float's, on the same faces;
- what helps: int8 is made anew with each remedy by itself, and its agreement measured.
"""

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from edge.errors import UserError
from edge.files import whole_file, write_whole
from edge.interpreter import open_interpreter
from edge.quiet import quiet_libraries
from export.calibration import representative_faces
from export.convert import PLAIN, Quantization, calibrate, convert_float, quantize, wide_activations
from export.edge_tpu import edge_tpu_obstacles
from export.graph import Graph, Operator, short_name, watch
from export.parity import Parity, compare
from export.ranges import sample_values
from export.source import add_source_options, fold_confidence, open_source, truth
from train.dataset import Split

LOOKED_AT = 32
"""Faces by which layers are compared: each gives thousands of values a layer."""

WORST = 6
"""Layers that are shown in full."""

BARS, BINS = "▁▂▃▄▅▆▇█", 40

DEFAULT = "(nothing to add)"
"""Stands for the options of what `make export` does anyway."""

SILENT = ("QUANTIZE", "DEQUANTIZE", "RESHAPE")
"""Operations that compute nothing of their own."""


@dataclass(frozen=True)
class LayerError:
    """What quantization does to a layer's output, over all that came before.

    Attributes:
        layer: name of the tensor, the same in float and int8.
        kind: of the operation.
        sqnr: signal-to-quantization-noise ratio, dB: ten times the logarithm of the float values' mean square over
            the difference's. Six more are one bit more.
        fall: dB by which it lies below the worst of what the layer was given: the layer's own part.
        rmse_per_step: root mean square of the difference in steps of the tensor's scale; about 0.29 is rounding alone.
        offset: share of the difference's square that is the same on all faces and places, channel by channel: what
            bias correction can take out.
        low, high: the calibrated range.
        used: share of the 256 steps that the middle 99 % of the values lie on.
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
    """A way to make int8.

    Attributes:
        name: for the table.
        option: of `make export`, by which it is had; empty where it is for comparison only.
        make: content of the file.
        integer: whether the graph is one of integers alone.
    """

    name: str
    option: str
    make: Callable[[], bytes]
    integer: bool = True


def layer_errors(calibrated: bytes, quantized: bytes, faces: np.ndarray) -> list[LayerError]:
    """Compare int8 with float, layer by layer on the same faces, the worst first.

    Args:
        calibrated: the float file, as `export.convert.calibrate` makes it.
        quantized: the int8 file that was made of it.
        faces: uint8 RGB `[n, size, size, 3]`.
    """
    theirs, ours = Graph(calibrated), Graph(quantized)
    by_name = {theirs.name(op.output): op for op in theirs.operators()}
    pairs = [(op, by_name[ours.name(op.output)]) for op in ours.operators() if ours.name(op.output) in by_name]
    pairs = [(op, original) for op, original in pairs if op.kind not in SILENT]
    wanted = _seen(calibrated, faces, [original.output for _, original in pairs])
    found = _seen(quantized, faces, [op.output for op, _ in pairs])
    ratios = {op.output: _decibels(w, f) for (op, _), w, f in zip(pairs, wanted, found, strict=True)}
    errors = [
        _layer_error(ours, op, theirs.calibrated_range(original.output), w, f, ratios)
        for (op, original), w, f in zip(pairs, wanted, found, strict=True)
    ]
    return sorted(errors, key=lambda error: error.sqnr)


def remedies(
    network: keras.Model, training: Split, calibrated: dict[bool, bytes], samples: int, seed: int, worst: Sequence[str]
) -> list[Remedy]:
    """What can be done, one thing at a time, from plain post-training quantization on.

    Args:
        network: as `export.convert.convert` takes it.
        training: where calibration faces are drawn.
        calibrated: the calibrated file, by whether the network was equalized.
        samples: calibration faces.
        seed: of their draw.
        worst: names of the layers that lose most, for the remedy that leaves them in float.
    """
    faces = representative_faces(training, samples, seed)
    rng = np.random.default_rng(seed)
    as_they_come = training.images[rng.permutation(len(training.images))[:samples]]
    named = tuple(map(short_name, worst))
    more = min(4 * samples, len(training.images))

    def made(name: str, option: str, how: Quantization) -> Remedy:
        make = partial(quantize, calibrated[how.equalize], faces, how)
        return Remedy(name, option, make, integer=not how.in_float)

    def plain_but(name: str, option: str, **change: Any) -> Remedy:
        return made(name, option, replace(PLAIN, **change))

    def calibrated_by(name: str, option: str, others: np.ndarray) -> Remedy:
        return Remedy(name, option, lambda: quantize(calibrate(network, others, PLAIN), others, PLAIN))

    default, plain = Quantization(), _options()
    return [
        made("plain", plain, PLAIN),
        plain_but("equal channels", _options("equalize"), equalize=True),
        plain_but("logits in finer steps", _options("fine-logits"), fine_logits=True),
        plain_but("bias correction", _options("bias-correction"), correct_biases=True),
        plain_but("error feedback", _options("error-feedback"), error_feedback=True),
        plain_but("ranges of least error", f"{plain} --ranges least_error", ranges="least_error"),
        plain_but("ranges by percentile", f"{plain} --ranges percentile", ranges="percentile"),
        plain_but(
            "bias correction and error feedback",
            _options("bias-correction", "error-feedback"),
            correct_biases=True,
            error_feedback=True,
        ),
        made("the default: these two, equal channels and finer logits", DEFAULT, default),
        made("the default with ranges of least error", "--ranges least_error", replace(default, ranges="least_error")),
        plain_but("one scale for all weights of a layer", "", per_channel=False),
        made("one scale for all weights, and the default else", "", replace(default, per_channel=False)),
        calibrated_by(
            f"{more} calibration images", f"{plain} --samples {more}", representative_faces(training, more, seed)
        ),
        calibrated_by("calibration images as they come", "", as_they_come),
        plain_but(
            f"the {len(worst)} worst layers in float (not an integer-only graph)",
            f"{plain} --in-float {' '.join(named)}",
            in_float=named,
        ),
        Remedy("16-bit activations", "", lambda: wide_activations(network, faces)),
    ]


def answers(content: bytes, faces: np.ndarray) -> np.ndarray:
    """Probabilities float32 `[n, 7]` of any graph that takes uint8, or float32 in [0, 1], whatever it gives."""
    interpreter = open_interpreter(content, 2)
    pixels, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    given = faces if pixels["dtype"] == np.uint8 else faces.astype(np.float32) / 255
    scale, zero_point = output["quantization"] if output["quantization"][0] else (1.0, 0)
    results = []
    for face in given:
        interpreter.set_tensor(pixels["index"], face[None])
        interpreter.invoke()
        results.append((interpreter.get_tensor(output["index"])[0].astype(np.float32) - zero_point) * scale)
    return np.stack(results)


def debug(arguments: argparse.Namespace) -> None:
    """Answer both questions for a run's best model; terminal, `debug.json`, `layers.png` and `ranges.png`.

    Raises:
        UserError: the run or the data is missing.
    """
    source = open_source(arguments)
    network, validation = source.network, source.validation
    right = truth(source.labels, arguments.data, validation)
    chosen = np.random.default_rng(arguments.seed).permutation(len(right))[: arguments.images]
    images, right = validation.images[chosen], right[chosen]
    if not (right >= 0).any():
        raise UserError(f"none of {len(images)} images has a clear label", "look at more by --images")
    fold_confidence(source, arguments.data, arguments.balance)

    faces = representative_faces(source.training, arguments.samples, arguments.seed)
    calibrated = {on: calibrate(network, faces, Quantization(equalize=on)) for on in (False, True)}
    looked_at = Quantization() if arguments.refined else replace(PLAIN, per_channel=not arguments.per_tensor)
    whole = calibrated[looked_at.equalize]
    errors = layer_errors(whole, quantize(whole, faces, looked_at), images[:LOOKED_AT])
    samples = _samples(whole, images[:LOOKED_AT], errors[:WORST])
    print(layer_report(errors, samples))

    reference = answers(convert_float(network), images)
    convolutions = [error.layer for error in errors if error.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    outcomes = []
    for remedy in remedies(
        network, source.training, calibrated, arguments.samples, arguments.seed, convolutions[:WORST]
    ):
        parity = compare(reference, answers(remedy.make(), images), right)
        outcomes.append((remedy, parity))
        print(_remedy_line(remedy, parity), flush=True)
    outcomes.sort(key=lambda outcome: -outcome[1].agreement)
    obstacles = edge_tpu_obstacles(quantize(calibrated[True], faces, Quantization()))
    print(remedy_report(outcomes, len(images), obstacles))

    arguments.output.mkdir(parents=True, exist_ok=True)
    record = {
        "run": str(arguments.run),
        "labels": source.labels,
        "mirror": arguments.mirror,
        "split": "val",
        "images": len(images),
        "looked_at": asdict(looked_at),
        "layers": [asdict(error) for error in errors],
        "remedies": [{"name": r.name, "option": r.option} | p.as_dict() for r, p in outcomes],
        "edge_tpu_obstacles": obstacles,
    }
    write_whole(arguments.output / "debug.json", json.dumps(record, indent=2) + "\n")
    draw_layers(arguments.output / "layers.png", errors)
    draw_ranges(arguments.output / "ranges.png", errors[:WORST], samples)
    print(f"written to {arguments.output}: debug.json, layers.png, ranges.png")


def layer_report(errors: Sequence[LayerError], samples: dict[str, np.ndarray]) -> str:
    """The worst layers as a table, each with its range and the values in it."""
    lines = [f"{'SQNR':>7}{'own':>7}{'rmse/step':>11}{'offset':>8}{'steps used':>12}  layer"]
    for e in errors[:WORST]:
        lines += [
            f"{e.sqnr:>7.1f}{e.fall:>7.1f}{e.rmse_per_step:>11.2f}{e.offset:>8.0%}{e.used:>12.0%}"
            f"  {e.kind} {short_name(e.layer)}",
            f"{'':>7}{e.low:.3g} {bars(samples[e.layer], e.low, e.high)} {e.high:.3g}",
        ]
    return "\n".join([*lines, f"{len(errors)} layers, the median at {np.median([e.sqnr for e in errors]):.1f} dB", ""])


def bars(values: np.ndarray, low: float, high: float) -> str:
    """A histogram of values from low to high in one line; heights are of the counts' logarithm."""
    counts = np.log1p(np.histogram(values, BINS, (low, max(high, low + 1e-9)))[0])
    return "".join(BARS[int(np.ceil(c / max(counts.max(), 1e-9) * (len(BARS) - 1)))] for c in counts)


def remedy_report(outcomes: Sequence[tuple[Remedy, Parity]], images: int, obstacles: Sequence[str]) -> str:
    """The remedies, best first, and what to do."""
    head = (
        f"{'agrees':>8}{'accuracy':>10}{'macro-F1':>10}{'recall':>8}  remedy ({images} validation faces; points lost)"
    )
    lines = ["", head, *(_remedy_line(remedy, parity) for remedy, parity in outcomes), "", advice(outcomes)]
    tail = [f"Edge TPU: {obstacle}" for obstacle in obstacles[:5]] or ["Edge TPU: every operation is supported"]
    return "\n".join(lines + tail)


def advice(outcomes: Sequence[tuple[Remedy, Parity]]) -> str:
    """One sentence: what to do."""
    had = [(remedy, parity) for remedy, parity in outcomes if remedy.option]
    passing = [(remedy, parity) for remedy, parity in had if not parity.faults()] or had
    best, parity = max(passing, key=lambda outcome: (outcome[0].integer, outcome[1].agreement))
    options = "as it is" if best.option == DEFAULT else f"with ARGS='{best.option}'"
    if faults := parity.faults():
        return f"Nothing is enough: the best, {best.name}, {faults[0]}; train with less regularization, or longer."
    return f"Run 'make export' {options}: {best.name} agrees on {parity.agreement:.1%}."


def draw_layers(path: Path, errors: Sequence[LayerError]) -> None:
    """Draw the signal-to-noise ratio of all layers, worst on top, to a PNG."""
    figure = Figure(figsize=(9, 2 + 0.18 * len(errors)), layout="constrained")
    axes = figure.subplots()
    shown = list(reversed(errors))
    axes.barh(range(len(shown)), [error.sqnr for error in shown])
    axes.set_yticks(range(len(shown)), [short_name(error.layer) for error in shown], fontsize=6)
    axes.set(xlabel="signal-to-quantization-noise ratio, dB")
    with whole_file(path) as part:
        figure.savefig(part, dpi=100)


def draw_ranges(path: Path, errors: Sequence[LayerError], samples: dict[str, np.ndarray]) -> None:
    """Draw the values of layers within their calibrated ranges to a PNG."""
    figure = Figure(figsize=(8, 2.2 * len(errors)), layout="constrained")
    for axes, e in zip(figure.subplots(len(errors), 1, squeeze=False)[:, 0], errors, strict=True):
        axes.hist(samples[e.layer], bins=100, log=True)
        for limit in (e.low, e.high):
            axes.axvline(limit, color="red")
        axes.set_title(f"{short_name(e.layer)}: {e.sqnr:.1f} dB, {e.used:.0%} of the steps used", fontsize=8)
    with whole_file(path) as part:
        figure.savefig(part, dpi=100)


def main(argv: list[str]) -> int:
    """Entry point of `python -m export debug`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export debug", description="Find out why int8 is not float32.")
    add_source_options(parser)
    parser.add_argument("--images", type=int, help="measure on so many of the validation split; default: all")
    parser.add_argument("--output", type=Path, help="default: the folder 'debug' of the run")
    parser.add_argument("--per-tensor", action="store_true", help="look at layers with one scale for all weights")
    parser.add_argument("--refined", action="store_true", help="look at layers as 'make export' makes them, not plain")
    arguments = parser.parse_args(argv)
    quiet_libraries()
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow warns of its own converter's ways
    arguments.output = arguments.output or arguments.run / "debug"
    debug(arguments)
    return 0


def _options(*kept: str) -> str:
    """The options that turn everything off but these."""
    names = ("equalize", "fine-logits", "bias-correction", "error-feedback")
    return " ".join(f"--no-{name}" for name in names if name not in kept)


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
"""dB of eight bits that are used in full, 6.02 * 8 + 1.76: what the first layer is given."""


def _decibels(wanted: np.ndarray, found: np.ndarray) -> float:
    noise = max(float(np.square(found - wanted).mean()), 1e-20)
    return float(10 * np.log10(max(float(np.square(wanted).mean()), 1e-20) / noise))


def _seen(content: bytes, faces: np.ndarray, tensors: list[int]) -> list[np.ndarray]:
    """What tensors stand for on all faces, float32 `[n, ...]` each."""
    graph, seen = Graph(content), [[] for _ in tensors]  # type: ignore[var-annotated]

    def keep(get: Callable[[int], np.ndarray]) -> None:
        for tensor, parts in zip(tensors, seen, strict=True):
            parts.append(graph.real(tensor, get(tensor)))

    watch(content, faces, keep)
    return [np.concatenate(parts) for parts in seen]


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
