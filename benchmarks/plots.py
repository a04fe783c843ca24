"""Draws the results. Matplotlib comes with the extra `bench`; a board measures as well without it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.harness import Distribution, distribution
from benchmarks.machine import Machine
from benchmarks.pipeline import Pipeline
from benchmarks.results import Results
from edge.files import whole_file

DPI = 120
STAGES = ("detect", "classify")

Whisker = tuple[float, float, float]
"""A bar's height and the values at the lower and the upper end of its whisker."""


def draw_latency(path: Path, results: Results) -> None:
    """Median milliseconds of a face, whiskers up to the 95th percentile, by variant and number of threads.

    Args:
        path: of the PNG.
        results: what to draw.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    bars = {
        _plural(threads, "thread"): [_up_to_p95(f.ms) for f in results.latency if f.threads == threads]
        for threads in results.settings.threads
    }
    _grouped_bars(axes, list(results.contenders.bundles), bars)
    axes.set(title="one inference on one face", ylabel="ms (median, whisker to p95)")
    _save(figure, path, results)


def draw_pipeline(path: Path, results: Results) -> None:
    """Frames a second with whiskers from the slowest to the fastest run, and the milliseconds of the stages.

    Args:
        path: of the PNG.
        results: what to draw.
    """
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    variants = list(results.contenders.bundles)
    rates = {
        _plural(cores, "core"): [_lowest_to_highest(f.fps) for f in results.pipeline if f.cores == cores]
        for cores in results.settings.cores
    }
    _grouped_bars(left, variants, rates)
    left.set(title=f"the whole edge on {results.settings.clip}", ylabel="FPS (median, lowest, highest run)")
    most = max(results.settings.cores)
    stages = {s: [_stage(f, s) for f in results.pipeline if f.cores == most] for s in STAGES}
    _grouped_bars(right, variants, stages)
    right.set(title=f"its stages on {_plural(most, 'core')}", ylabel="ms a frame (median, lowest, highest run's)")
    _save(figure, path, results)


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


def _up_to_p95(values: Distribution) -> Whisker:
    return values.p50, values.p50, values.p95


def _lowest_to_highest(values: Distribution) -> Whisker:
    return values.p50, values.minimum, values.maximum


def _stage(figure: Pipeline, stage: str) -> Whisker:
    return _lowest_to_highest(distribution(run.stages[stage]["p50"] for run in figure.runs))


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _save(figure: Figure, path: Path, results: Results) -> None:
    figure.suptitle(f"{results.contenders.name} on {_machine(results.machine)}", fontsize=10)
    with whole_file(path) as part:
        figure.savefig(part, dpi=DPI)


def _machine(machine: Machine) -> str:
    return f"{machine.board or machine.cpu}, {machine.runtime}, OpenCV {machine.opencv}"
