"""Charts of a record, as matplotlib figures. Colours are distinct for colour-blind readers."""

from collections.abc import Mapping, Sequence
from itertools import count, cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.base.record import Record, rows_of
from benchmarks.measure.face_size import COARSE
from benchmarks.measure.operators import by_kind
from benchmarks.peers.lineup import OURS
from benchmarks.report.trade_off import Point, by_place, front

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's palette, the yellow late: it is hard to see on white."""

MARKERS = "osD^vPX*"

THREADS = {
    "decode": ("decode",),
    "find": ("search", "detect", "track"),
    "read": ("align", "classify", "smooth"),
    "outputs": ("outputs",),
    "rest": ("rest",),
}
"""Parts of a frame's processor time by thread."""

NARROW, LEGIBLE = 0.045, 0.03
"""Shares of a bar below which a part has no room for its name, and for its value."""

Bar = tuple[float, float, float]
"""Height of a bar, and the values at the lower and the upper end of its whisker."""


def draw_front(found: Sequence[Point]) -> Figure:
    """Accuracy against time, with the Pareto front by machine, split and labels; the legend names the numbers."""
    figure, axes = _figure(
        (9, 5), "accuracy against time", "ms of one face, one thread (logarithmic)", "% of the labels"
    )
    number = count(1)
    for (where, there), colour, marker in zip(by_place(found).items(), COLOURS, MARKERS, strict=False):
        best = front(there)
        steps = [p.ms for p in best], [100 * p.accuracy for p in best]
        axes.step(*steps, where="post", color=colour, label=f"front: {where}")
        for p, i in zip(there, number, strict=False):
            at = p.ms, 100 * p.accuracy
            axes.plot(*at, color=colour, marker=marker, linestyle="none")
            axes.annotate(str(i), at, (-7, 4), textcoords="offset points", ha="right", fontsize=9)
            axes.plot([], [], color=colour, marker=f"${i}$", linestyle="none", label=p.name)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.15, y=0.15)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
    return figure


def draw_latency(record: Record) -> Figure:
    """Median milliseconds of a face, whiskers to the 95th percentile, by variant and number of threads."""
    figure, axes = _figure((8, 4.5), "one inference on one face", "", "ms (median, whisker to p95)")
    bars = {
        _plural(threads, "thread"): [
            (row["ms"]["p50"], row["ms"]["p50"], row["ms"]["p95"])
            for row in rows_of(record, "latency", threads=threads)
        ]
        for threads in record["settings"]["threads"]
    }
    _grouped_bars(axes, list(record["bundle"]["variants"]), bars)
    return figure


def draw_operators(record: Record) -> Figure:
    """Stacked milliseconds of each kind of operator by variant, and a line at a whole inference."""
    figure, axes = _figure((8, 5), "kinds of operators, one thread", "", "ms of an inference")
    profiles = record["figures"]["operators"]
    variants, below = [profile["variant"] for profile in profiles], np.zeros(len(profiles))
    for (kind, heights), colour in zip(_stacked(profiles).items(), cycle(COLOURS), strict=False):
        bars = axes.bar(variants, heights, 0.6, bottom=below, label=kind, color=colour)
        legible = [f"{ms:.2f}" if ms > LEGIBLE * axes.get_ylim()[1] else "" for ms in heights]
        axes.bar_label(bars, legible, label_type="center", fontsize=8)
        below += heights
    places, whole = np.arange(len(profiles)), [profile["inference_ms"]["p50"] for profile in profiles]
    axes.hlines(whole, places - 0.35, places + 0.35, "black", label="a whole inference")
    axes.legend(reverse=True, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure


def draw_memory(record: Record) -> Figure:
    """Peaks of processes: without a model, with each, of the whole edge, and of other packages."""
    most = max(record["settings"]["cores"])
    rows = [(row["variant"] or "no model", row["peak"], 0) for row in record["figures"]["memory"]]
    rows += [(f"whole edge, {r['variant']}", r["peak"], 1) for r in rows_of(record, "pipeline", cores=most)]
    rows += [(row["name"], row["peak"], 2) for row in rows_of(record, "peers", cores=1) if row["name"] != OURS]
    figure, axes = _figure((8, 1.2 + 0.4 * len(rows)), "peak memory of a process", "MB")
    names, peaks, groups = zip(*rows, strict=True)
    drawn = axes.barh(names, np.array(peaks) / 1e6, color=[COLOURS[group] for group in groups])
    axes.bar_label(drawn, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    return figure


def draw_pipeline(record: Record) -> Figure:
    """Frames a second, and milliseconds of the stages, with whiskers from the lowest to the highest run."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    settings, variants = record["settings"], list(record["bundle"]["variants"])
    rates = {
        _plural(cores, "core"): [_range(row["fps"]) for row in rows_of(record, "pipeline", cores=cores)]
        for cores in settings["cores"]
    }
    _grouped_bars(left, variants, rates)
    left.set(title=f"the whole edge on {settings['clip']}", ylabel="FPS (median, lowest, highest run)")
    most = max(settings["cores"])
    rows = rows_of(record, "pipeline", cores=most)
    _grouped_bars(right, variants, {stage: [_stage(row, stage) for row in rows] for stage in ("detect", "classify")})
    right.set(title=f"its stages on {_plural(most, 'core')}", ylabel="ms a frame (median, lowest, highest run's)")
    return figure


def draw_shares(record: Record) -> Figure | None:
    """Processor time of a frame as a flame graph: threads below, their parts above."""
    rows = [row for row in record["figures"]["stages"] if row["shares"]]
    if not rows:
        return None
    shares, start = rows[0]["shares"], 0.0
    figure, axes = _figure((10, 3.2), "", "% of the processor time of a frame, one core")
    for (thread, parts), colour in zip(THREADS.items(), COLOURS, strict=False):
        width = sum(shares[part] for part in parts)
        _block(axes, 0, start, width, thread, colour)
        inside = start
        for i, part in enumerate(parts if len(parts) > 1 else ()):
            _block(axes, 1, inside, shares[part], part, colour, 0.6 - 0.15 * i)
            inside += shares[part]
        start += width
    axes.set(xlim=(0, 100), ylim=(-0.5, 1.5))
    axes.set_yticks([0, 1], ["thread", "part"])
    axes.set_title(f"processor time of a frame ({rows[0]['variant']})", pad=12)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=5, fontsize=8, frameon=False)
    return figure


def draw_ages(record: Record) -> Figure | None:
    """Age of frames at their answer, in the course of one run."""
    rows = record["figures"]["live"]
    if not rows:
        return None
    figure, axes = _figure((8, 4), "age of frames at their answer, 30 frames a second", "seconds of the run", "ms")
    for row, colour in zip(rows, COLOURS, strict=False):
        label = f"{row['variant']}, {_plural(row['cores'], 'core')} (p99 of all runs {row['age_p99_ms']['p50']:.0f} ms)"
        axes.plot(row["seconds"], row["ages_ms"], color=colour, linewidth=1, label=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def draw_face_count(record: Record) -> Figure:
    """Milliseconds a frame by the number of faces, with the lowest and the highest run."""
    rows = record["figures"]["face-count"]
    return _scaling(rows, [row["faces"] for row in rows], "more faces, 1280×720, from memory", "faces in the picture")


def draw_frame_size(record: Record) -> Figure:
    """Milliseconds a frame by the size of the frame, in the same way."""
    rows = record["figures"]["frame-size"]
    pixels = [row["width"] * row["height"] / 1e6 for row in rows]
    figure = _scaling(rows, pixels, "larger pictures, one face, from memory", "megapixels a frame")
    axes = figure.axes[0]
    for row, x, above in zip(rows, pixels, cycle((9, -17)), strict=False):  # small ones stand close together
        at, words = (x, row["ms"]["p50"]), f"{row['width']}×{row['height']}"
        axes.annotate(words, at, (0, above), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xlim(-0.07 * max(pixels), 1.1 * max(pixels))
    axes.set_ylim(top=1.2 * max(row["ms"]["maximum"] for row in rows))
    return figure


def draw_face_sizes(record: Record) -> Figure:
    """Share of faces that are found by their size, a panel for each resolution; tilted faces have dashed lines."""
    rows = record["figures"]["face-sizes"]
    sizes = list(dict.fromkeys((row["width"], row["height"]) for row in rows))
    ways = list(dict.fromkeys((row["way"], row["tilt"]) for row in rows))
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(-(-len(sizes) // 2), 2, sharex=True, sharey=True, squeeze=False)
    colours = dict(zip(dict.fromkeys(way for way, _ in ways), COLOURS, strict=False))
    for axes, (width, height) in zip(panels.flat, sizes, strict=False):
        for way, tilt in ways:
            mine = rows_of(record, "face-sizes", width=width, height=height, way=way, tilt=tilt)
            style: dict[str, Any] = {"linewidth": 4, "alpha": 0.5, "zorder": 1} if way == COARSE else {"linewidth": 1.5}
            axes.plot(
                [row["size"] for row in mine],
                [100 * row["found"] for row in mine],
                color=colours[way],
                linestyle="--" if tilt else "-",
                marker=".",
                label=f"{way}, {f'tilted by {tilt}°' if tilt else 'upright'}",
                **style,
            )
        axes.set(title=f"{width}×{height}", xscale="log", ylim=(-3, 103))
        axes.set_xticks(ticks := sorted({row["size"] for row in rows}), [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=8, loc="lower right")
    figure.supxlabel("width of an upright face, pixels (logarithmic)")
    figure.supylabel("% found: live within 1 s, in recordings of all frames")
    return figure


def _stacked(profiles: Sequence[Record]) -> dict[str, np.ndarray]:
    """Milliseconds by kind and variant; kinds that are slight in every variant are added up."""
    found = [by_kind(profile) for profile in profiles]
    least = LEGIBLE * np.array([profile["layers_ms"] for profile in profiles])
    parts, rest = {}, np.zeros(len(profiles))
    for kind in dict.fromkeys(kind for kinds in found for kind in kinds):
        ms = np.array([kinds.get(kind, (0, 0.0))[1] for kinds in found])
        if (ms > least).any():
            parts[kind] = ms
        else:
            rest += ms
    return parts | {"other kinds": rest}


def _scaling(rows: Sequence[Record], x: Sequence[float], title: str, label: str) -> Figure:
    figure, axes = _figure((7, 4), title, label, "ms a frame (median, lowest, highest run)")
    for variant, colour in zip(dict.fromkeys(row["variant"] for row in rows), COLOURS, strict=False):
        mine = [(at, row) for at, row in zip(x, rows, strict=True) if row["variant"] == variant]
        bars = [_range(row["ms"]) for _, row in mine]
        name = f"{variant}, {_plural(mine[0][1]['cores'], 'core')}"
        places, heights = [at for at, _ in mine], [height for height, _, _ in bars]
        axes.errorbar(places, heights, _whiskers(bars), marker="o", capsize=3, color=colour, label=name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _block(axes: Axes, level: int, start: float, share: float, name: str, colour: str, alpha: float = 0.75) -> None:
    """A part of the flame graph: its name stands inside where there is room, else in the legend."""
    label = None if share >= NARROW else f"{name} {share:.1%}"
    style: dict[str, Any] = {"height": 0.9, "color": colour, "alpha": alpha, "edgecolor": "white"}
    axes.barh(level, 100 * share, left=100 * start, label=label, **style)
    if share >= NARROW:
        axes.text(100 * (start + share / 2), level, f"{name}\n{share:.0%}", ha="center", va="center", fontsize=8)


def _grouped_bars(axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[Bar]]) -> None:
    """A group of bars for each name in `groups`, with one bar of each series in it."""
    width = 0.8 / len(series)
    plate = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    for i, ((label, bars), colour) in enumerate(zip(series.items(), COLOURS, strict=False)):
        places = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * width
        heights = [height for height, _, _ in bars]
        drawn = axes.bar(places, heights, width * 0.95, yerr=_whiskers(bars), capsize=3, label=label, color=colour)
        axes.bar_label(drawn, fmt="%.3g", label_type="center", fontsize=8, bbox=plate)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylim(0, 1.2 * max(high for bars in series.values() for _, _, high in bars))  # room for the legend
    axes.legend(fontsize=8, ncols=len(series), loc="upper center")


def _whiskers(bars: Sequence[Bar]) -> np.ndarray:
    """Lengths downward and upward, `[2, n]`."""
    height, low, high = np.array(bars).T
    return np.array([height - low, high - height])


def _range(values: Mapping[str, float]) -> Bar:
    return values["p50"], values["minimum"], values["maximum"]


def _stage(row: Record, stage: str) -> Bar:
    medians = [run["stages"][stage]["p50"] for run in row["runs"]]
    return float(np.median(medians)), min(medians), max(medians)


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _figure(size: tuple[float, float], title: str, x: str = "", y: str = "") -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.set_axisbelow(True)
    if x and y:
        axes.grid(alpha=0.3)
    return figure, axes
