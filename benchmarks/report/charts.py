"""The charts of a record, each a matplotlib figure. Colours can be told apart by colour-blind people."""

from collections.abc import Mapping, Sequence
from itertools import count, cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.base.record import Record
from benchmarks.measure.face_size import COARSE
from benchmarks.measure.operators import by_kind
from benchmarks.peers.lineup import OURS
from benchmarks.report.trade_off import Point, by_place, front

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's palette, the yellow late: it is hard to see on white."""

MARKERS = "osD^vPX*"

STAGES = ("detect", "classify")

FLAME = {
    "decode": ("decode",),
    "find": ("search", "detect", "track"),
    "read": ("align", "classify", "smooth"),
    "outputs": ("outputs",),
    "rest": ("rest",),
}
"""The parts of a frame's processor time, by the thread that has them."""

PLATE = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
"""Under numbers that stand on a colour."""

NARROW = 0.045
"""Share of the bar below which a name has no room in it, and stands in the legend alone."""

LEGIBLE = 0.03
"""Share of a stacked bar below which a part of it has no room for a colour and a figure of its own."""

Whisker = tuple[float, float, float]
"""A bar's height and the values at the lower and the upper end of its whisker."""


def draw_front(found: Sequence[Point]) -> Figure:
    """Accuracy against time, with the front of what nothing beats in both, by machine, split and labels.

    Points have numbers, whose names the legend has: models may stand close to one another.
    """
    figure, axes = _figure((9, 5))
    number = count(1)
    for (where, there), colour, marker in zip(by_place(found).items(), COLOURS, MARKERS, strict=False):
        ahead = front(there)
        steps = [p.ms for p in ahead], [100 * p.accuracy for p in ahead]
        axes.step(*steps, where="post", color=colour, label=f"front: {where}")
        for p in sorted(there, key=lambda point: point.ms):
            i, at = next(number), (p.ms, 100 * p.accuracy)
            axes.plot(*at, color=colour, marker=marker, linestyle="none")
            axes.annotate(str(i), at, (-7, 4), textcoords="offset points", ha="right", fontsize=9)
            axes.plot([], [], color=colour, marker=f"${i}$", linestyle="none", label=p.name)
    axes.set(
        title="accuracy against time",
        xlabel="ms of one face, one thread (logarithmic; left is better)",
        ylabel="% of the labels",
        xscale="log",
    )
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.15, y=0.15)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
    return figure


def draw_latency(record: Record) -> Figure:
    """Median milliseconds of a face, whiskers up to the 95th percentile, by variant and number of threads."""
    figure, axes = _figure((8, 4.5))
    rows = record["figures"]["latency"]
    bars = {
        _plural(threads, "thread"): [_up_to_p95(row["ms"]) for row in rows if row["threads"] == threads]
        for threads in record["settings"]["threads"]
    }
    _grouped_bars(axes, list(record["bundle"]["variants"]), bars)
    axes.set(title="one inference on one face", ylabel="ms (median, whisker to p95)")
    return figure


def draw_operators(record: Record) -> Figure:
    """Milliseconds of each kind of operator, one upon the other, for each variant; a line where the inference ends."""
    figure, axes = _figure((8, 5))
    profiles = record["figures"]["operators"]
    below = np.zeros(len(profiles))
    for (kind, heights), colour in zip(_stacked(profiles).items(), cycle(COLOURS), strict=False):
        variants = [profile["variant"] for profile in profiles]
        bars = axes.bar(variants, heights, 0.6, bottom=below, label=kind, color=colour)
        legible = [f"{ms:.2f}" if ms > LEGIBLE * axes.get_ylim()[1] else "" for ms in heights]
        axes.bar_label(bars, legible, label_type="center", fontsize=8)
        below += heights
    places, whole = np.arange(len(profiles)), [profile["inference_ms"]["p50"] for profile in profiles]
    axes.hlines(whole, places - 0.35, places + 0.35, "black", label="a whole inference")
    axes.set(title="kinds of operators, one thread", ylabel="ms of an inference")
    axes.legend(reverse=True, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure


def draw_memory(record: Record) -> Figure:
    """Peaks of processes: without a model, with each, of the whole edge, and of other packages where there are any."""
    rows = [(row["variant"] or "no model", row["peak"], 0) for row in record["figures"]["memory"]]
    rows += [
        (f"whole edge, {row['variant']}", row["peak"], 1)
        for row in record["figures"].get("pipeline", ())
        if row["cores"] == max(record["settings"]["cores"])
    ]
    rows += [
        (row["name"], row["peak"], 2)
        for row in record["figures"].get("peers", ())
        if row["name"] != OURS and row["cores"] == 1
    ]
    figure, axes = _figure((8, 1.2 + 0.4 * len(rows)))
    drawn = axes.barh(
        [name for name, _, _ in rows], [n / 1e6 for _, n, _ in rows], color=[COLOURS[c] for *_, c in rows]
    )
    axes.bar_label(drawn, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set(title="peak memory of a process", xlabel="MB")
    return figure


def draw_pipeline(record: Record) -> Figure:
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


def draw_shares(record: Record) -> Figure | None:
    """Where the processor's time of a frame goes: threads below, their parts above, as in a flame graph."""
    rows = [row for row in record["figures"]["stages"] if row.get("shares")]
    if not rows:
        return None
    shares = rows[0]["shares"]
    figure, axes = _figure((10, 3.2))
    start = 0.0
    for (thread, parts), colour in zip(FLAME.items(), COLOURS, strict=False):
        width = sum(shares[part] for part in parts)
        _block(axes, 0, start, width, thread, colour)
        inside = start
        for i, part in enumerate(parts):
            if len(parts) > 1:
                _block(axes, 1, inside, shares[part], part, colour, 0.6 - 0.15 * i)
            inside += shares[part]
        start += width
    axes.set(xlim=(0, 100), ylim=(-0.5, 1.5), xlabel="% of the processor time of a frame, one core")
    axes.set_yticks([0, 1], ["thread", "part"])
    axes.set_title(f"what a frame's time goes into ({rows[0]['variant']})", pad=12)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=5, fontsize=8, frameon=False)
    return figure


def draw_ages(record: Record) -> Figure | None:
    """The age of frames at their answer, in the course of one run."""
    rows = [row for row in record["figures"]["live"] if row.get("ages_ms")]
    if not rows:
        return None
    figure, axes = _figure((8, 4))
    for row, colour in zip(rows, COLOURS, strict=False):
        label = f"{row['variant']}, {_plural(row['cores'], 'core')} (p99 of all runs {row['age_p99_ms']['p50']:.0f} ms)"
        axes.plot(row["seconds"], row["ages_ms"], color=colour, linewidth=1, label=label)
    axes.set(title="age of frames at their answer, 30 frames a second", xlabel="seconds of the run", ylabel="ms")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def draw_faces(record: Record) -> Figure:
    """Milliseconds a frame by the number of faces, with the lowest and the highest run."""
    rows = record["figures"]["crowd"]
    return _scaling(rows, [row["faces"] for row in rows], "more faces, 1280×720, from memory", "faces in the picture")


def draw_sizes(record: Record) -> Figure:
    """Milliseconds a frame by the size of the picture, in the same way."""
    rows = record["figures"]["sizes"]
    pixels = [row["width"] * row["height"] / 1e6 for row in rows]
    figure = _scaling(rows, pixels, "larger pictures, one face, from memory", "megapixels a frame")
    axes = figure.axes[0]
    for row, x, above in zip(rows, pixels, cycle((9, -17)), strict=False):  # small ones stand close together
        axes.annotate(
            f"{row['width']}×{row['height']}",
            (x, row["ms"]["p50"]),
            (0, above),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xlim(-0.07 * max(pixels), 1.1 * max(pixels))
    axes.set_ylim(top=1.2 * max(row["ms"]["maximum"] for row in rows))
    return figure


def draw_face_sizes(record: Record) -> Figure:
    """Shares of faces that are found by their size, a panel for each resolution; tilted faces have dashed lines."""
    rows = record["figures"]["face-sizes"]
    resolutions = list(dict.fromkeys((row["width"], row["height"]) for row in rows))
    ways = list(dict.fromkeys((row["way"], row["tilt"]) for row in rows))
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(-(-len(resolutions) // 2), 2, sharex=True, sharey=True, squeeze=False)
    colours = dict(zip(dict.fromkeys(way for way, _ in ways), COLOURS, strict=False))
    for axes, size in zip(panels.flat, resolutions, strict=False):
        for way, tilt in ways:
            mine = [r for r in rows if (r["width"], r["height"], r["way"], r["tilt"]) == (*size, way, tilt)]
            axes.plot(
                [row["size"] for row in mine],
                [100 * row["found"] for row in mine],
                color=colours[way],
                linestyle="--" if tilt else "-",
                linewidth=4 if way == COARSE else 1.5,  # below another one that is the same
                alpha=0.5 if way == COARSE else 1,
                zorder=1 if way == COARSE else 2,
                marker=".",
                label=f"{way}, {f'tilted by {tilt}°' if tilt else 'upright'}",
            )
        axes.set(title=f"{size[0]}×{size[1]}", xscale="log", ylim=(-3, 103))
        axes.set_xticks(ticks := sorted({row["size"] for row in rows}), [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=8, loc="lower right")
    figure.supxlabel("width of an upright face, pixels (logarithmic)")
    figure.supylabel("% found: live within 1 s, in recordings of all frames")
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


def _scaling(rows: Sequence[Record], x: Sequence[float], title: str, label: str) -> Figure:
    figure, axes = _figure((7, 4))
    for variant, colour in zip(dict.fromkeys(row["variant"] for row in rows), COLOURS, strict=False):
        mine = [i for i, row in enumerate(rows) if row["variant"] == variant]
        values = [_lowest_to_highest(rows[i]["ms"]) for i in mine]
        name = f"{variant}, {_plural(rows[mine[0]]['cores'], 'core')}"
        axes.errorbar(
            [x[i] for i in mine],
            [v[0] for v in values],
            _whiskers(values),
            marker="o",
            capsize=3,
            color=colour,
            label=name,
        )
    axes.set(title=title, xlabel=label, ylabel="ms a frame (median, lowest, highest run)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _block(axes: Axes, level: int, start: float, share: float, name: str, colour: str, strength: float = 0.75) -> None:
    """A part of the flame: its name inside where there is room, in the legend where there is not."""
    label = None if share >= NARROW else f"{name} {share:.1%}"
    axes.barh(
        level, 100 * share, left=100 * start, height=0.9, color=colour, alpha=strength, edgecolor="white", label=label
    )
    if share >= NARROW:
        axes.text(100 * (start + share / 2), level, f"{name}\n{share:.0%}", ha="center", va="center", fontsize=8)


def _grouped_bars(axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[Whisker]]) -> None:
    """A group of bars for each name in `groups`, with one bar of each series in it."""
    width = 0.8 / len(series)
    for i, ((label, bars), colour) in enumerate(zip(series.items(), COLOURS, strict=False)):
        places = [group + (i - (len(series) - 1) / 2) * width for group in range(len(groups))]
        heights = [height for height, _, _ in bars]
        drawn = axes.bar(places, heights, width * 0.95, yerr=_whiskers(bars), capsize=3, label=label, color=colour)
        axes.bar_label(drawn, fmt="%.3g", label_type="center", fontsize=8, bbox=PLATE)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylim(0, 1.2 * max(high for bars in series.values() for _, _, high in bars))  # room for the legend
    axes.legend(fontsize=8, ncols=len(series), loc="upper center")


def _whiskers(bars: Sequence[Whisker]) -> np.ndarray:
    """Lengths downward and upward, `[2, n]`."""
    return np.array([[h - low for h, low, _ in bars], [high - h for h, _, high in bars]])


def _up_to_p95(values: Mapping[str, float]) -> Whisker:
    return values["p50"], values["p50"], values["p95"]


def _lowest_to_highest(values: Mapping[str, float]) -> Whisker:
    return values["p50"], values["minimum"], values["maximum"]


def _stage(row: Record, stage: str) -> Whisker:
    medians = [run["stages"][stage]["p50"] for run in row["runs"]]
    return float(np.median(medians)), min(medians), max(medians)


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()
