"""Draws a record. Matplotlib comes with the extra `bench`; a board measures as well without it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.operators import by_kind
from benchmarks.results import Record
from edge.files import whole_file

DPI = 120
STAGES = ("detect", "classify")

LEGIBLE = 0.03
"""Share of a stacked bar below which a part of it has no room for a colour and a figure of its own."""

Whisker = tuple[float, float, float]
"""A bar's height and the values at the lower and the upper end of its whisker."""


def draw(record: Record, folder: Path) -> list[Path]:
    """Draw what the record has figures of.

    Args:
        record: what to draw.
        folder: where the PNGs go.

    Returns:
        Their paths.
    """
    pictures = {"latency": _draw_latency, "pipeline": _draw_pipeline, "operators": _draw_operators}
    drawn = {
        folder / f"{name}.png": picture(record) for name, picture in pictures.items() if record["figures"].get(name)
    }
    for path, figure in drawn.items():
        _save(figure, path, record)
    return list(drawn)


def _draw_latency(record: Record) -> Figure:
    """Median milliseconds of a face, whiskers up to the 95th percentile, by variant and number of threads."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    rows = record["figures"]["latency"]
    bars = {
        _plural(threads, "thread"): [_up_to_p95(row["ms"]) for row in rows if row["threads"] == threads]
        for threads in record["settings"]["threads"]
    }
    _grouped_bars(axes, list(record["bundle"]["variants"]), bars)
    axes.set(title="one inference on one face", ylabel="ms (median, whisker to p95)")
    return figure


def _draw_pipeline(record: Record) -> Figure:
    """Frames a second with whiskers from the slowest to the fastest run, and the milliseconds of the stages."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows, settings, variants = record["figures"]["pipeline"], record["settings"], list(record["bundle"]["variants"])
    rates = {
        _plural(cores, "core"): [_lowest_to_highest(row["fps"]) for row in rows if row["cores"] == cores]
        for cores in settings["cores"]
    }
    _grouped_bars(left, variants, rates)
    left.set(title=f"the whole edge on {settings['clip']}", ylabel="FPS (median, lowest, highest run)")
    most = max(settings["cores"])
    stages = {stage: [_stage(row, stage) for row in rows if row["cores"] == most] for stage in STAGES}
    _grouped_bars(right, variants, stages)
    right.set(title=f"its stages on {_plural(most, 'core')}", ylabel="ms a frame (median, lowest, highest run's)")
    return figure


def _draw_operators(record: Record) -> Figure:
    """Milliseconds of each kind of operator, one upon the other, for each variant; a line where the inference ends."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    profiles = record["figures"]["operators"]
    below = np.zeros(len(profiles))
    for kind, heights in _stacked(profiles).items():
        bars = axes.bar([profile["variant"] for profile in profiles], heights, 0.6, bottom=below, label=kind)
        legible = [f"{ms:.2f}" if ms > LEGIBLE * axes.get_ylim()[1] else "" for ms in heights]
        axes.bar_label(bars, legible, label_type="center", color="white", fontsize=8)
        below += heights
    places, whole = np.arange(len(profiles)), [profile["inference_ms"]["p50"] for profile in profiles]
    axes.hlines(whole, places - 0.35, places + 0.35, "black", label="a whole inference")
    axes.set(title="kinds of operators, one thread", ylabel="ms of an inference")
    axes.legend(reverse=True, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _stacked(profiles: Sequence[Record]) -> dict[str, np.ndarray]:
    """Milliseconds by kind and variant; kinds that are slight in every variant are put together."""
    found = [by_kind(profile) for profile in profiles]
    parts, rest = {}, np.zeros(len(profiles))
    for kind in dict.fromkeys(kind for kinds in found for kind in kinds):
        ms = np.array([kinds.get(kind, (0, 0.0))[1] for kinds in found])
        if (ms > LEGIBLE * np.array([profile["layers_ms"] for profile in profiles])).any():
            parts[kind] = ms
        else:
            rest += ms
    return parts | {"other kinds": rest}


def _grouped_bars(axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[Whisker]]) -> None:
    """A group of bars for each name in `groups`, with one bar of each series in it."""
    width = 0.8 / len(series)
    for i, (label, bars) in enumerate(series.items()):
        places = [group + (i - (len(series) - 1) / 2) * width for group in range(len(groups))]
        heights = [height for height, _, _ in bars]
        whiskers = [[h - low for h, low, _ in bars], [high - h for h, _, high in bars]]
        drawn = axes.bar(places, heights, width * 0.95, yerr=whiskers, capsize=3, label=label)
        axes.bar_label(drawn, fmt="%.3g", label_type="center", color="white", fontsize=8)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylim(bottom=0)
    axes.legend()


def _up_to_p95(values: Mapping[str, float]) -> Whisker:
    return values["p50"], values["p50"], values["p95"]


def _lowest_to_highest(values: Mapping[str, float]) -> Whisker:
    return values["p50"], values["minimum"], values["maximum"]


def _stage(row: Record, stage: str) -> Whisker:
    medians = [run["stages"][stage]["p50"] for run in row["runs"]]
    return float(np.median(medians)), min(medians), max(medians)


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _save(figure: Figure, path: Path, record: Record) -> None:
    machine = record["machine"]
    on = f"{machine['board'] or machine['cpu']}, {machine['runtime']}, OpenCV {machine['opencv']}"
    figure.suptitle(f"{record['bundle']['name']} on {on}", fontsize=10)
    with whole_file(path) as part:
        figure.savefig(part, dpi=DPI)
