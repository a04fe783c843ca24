"""Charts of a record, as matplotlib figures. Colours are distinct for colour-blind readers."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.base.record import Record, rows_of
from benchmarks.report.trade_off import Point, by_place, front
from edge.base.text_table import Row, Rows

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

NARROW = 0.045
"""Share of a bar below which a part has no room for its name."""

PLATE = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
"""Background of a bar's value."""


def draw_front(found: Sequence[Point]) -> Figure:
    """Accuracy against time, with the Pareto front by machine, split and labels; the legend names the numbers."""
    figure, axes = _figure((9, 5), "accuracy against time", "ms of one face, one thread (logarithmic)", "% right")
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


def draw_ages(record: Record) -> Figure:
    """Age of frames at their answer, in the course of one run."""
    figure, axes = _figure((8, 4), "age of frames at their answer, 30 frames a second", "seconds of the run", "ms")
    for row, colour in zip(record["figures"]["live"], COLOURS, strict=False):
        label = f"{row['variant']}, cores: {row['cores']} (p99 of all runs {row['age_p99_ms']['p50']:.0f} ms)"
        axes.plot(row["seconds"], row["ages_ms"], color=colour, linewidth=1, label=label)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def draw_end_to_end(record: Record) -> Figure:
    """Share of faces that are found by their size, a panel for each resolution; tilted faces have dashed lines."""
    rows = record["figures"]["end-to-end"]
    sizes = list(dict.fromkeys((row["width"], row["height"]) for row in rows))
    series = list(dict.fromkeys((row["way"], row["tilt"]) for row in rows))
    colours = dict(zip(dict.fromkeys(way for way, _ in series), COLOURS, strict=False))
    figure = Figure(figsize=(10, 1 + 3 * -(-len(sizes) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(sizes) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (width, height) in zip(panels.flat, sizes, strict=False):
        for way, tilt in series:
            mine = rows_of(record, "end-to-end", width=width, height=height, way=way, tilt=tilt)
            style = {"color": colours[way], "linestyle": "--" if tilt else "-", "marker": "."}
            label = f"{way}, {f'tilted by {tilt}°' if tilt else 'upright'}"
            axes.plot([row["size"] for row in mine], [100 * row["found"] for row in mine], label=label, **style)
        axes.set(title=f"{width}×{height}", xscale="log", ylim=(-3, 103))
        axes.set_xticks(ticks := sorted({row["size"] for row in rows}), [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=8, loc="lower right")
    figure.supxlabel("width of an upright face, pixels (logarithmic)")
    figure.supylabel("% found: live within 1 s, in images at once")
    return figure


class Bars(NamedTuple):
    """A chart of bars with whiskers from the lowest to the highest value, a group for each row's name.

    Attributes:
        title: above it.
        unit: of the values.
        key: of a distribution, or of a number.
        group: name of a row's group; bars of one group are side by side.
        series: key by which bars of a group differ.
        scale: from the record's unit to the shown one.
    """

    title: str
    unit: str
    key: str
    group: Callable[[Row], str]
    series: str = ""
    scale: float = 1

    def draw(self, rows: Rows) -> Figure:
        figure, axes = _figure((8, 4.5), self.title, "", self.unit)
        groups = list(dict.fromkeys(map(self.group, rows)))
        series = list(dict.fromkeys(row.get(self.series) for row in rows))
        width = 0.8 / len(series)
        for i, (one, colour) in enumerate(zip(series, COLOURS, strict=False)):
            mine = [row for row in rows if row.get(self.series) == one]
            places = [groups.index(self.group(row)) + (i - (len(series) - 1) / 2) * width for row in mine]
            middle, low, high = np.array([_range(row[self.key]) for row in mine]).T * self.scale
            whiskers = np.array([middle - low, high - middle])
            label = f"{self.series}: {one}" if self.series else None
            bars = axes.bar(places, middle, width * 0.95, yerr=whiskers, capsize=3, label=label, color=colour)
            axes.bar_label(bars, fmt="%.3g", label_type="center", fontsize=8, bbox=PLATE)
        axes.set_xticks(range(len(groups)), groups)
        if self.series:
            axes.legend(fontsize=8, ncols=len(series), loc="upper center", bbox_to_anchor=(0.5, -0.08))
        return figure


RANGE = "(median, lowest, highest run)"

BARS = {
    "latency": Bars("one inference on one face", f"ms {RANGE}", "round_ms", lambda row: row["variant"], "threads"),
    "memory": Bars("peak memory of a process", "MB", "peak", lambda row: row["variant"] or "no model", scale=1e-6),
    "pipeline": Bars("the whole edge on the clip", f"FPS {RANGE}", "fps", lambda row: row["variant"], "cores"),
    "face-count": Bars("more faces, 1280×720", f"ms a frame {RANGE}", "ms", lambda row: f"faces: {row['faces']}"),
    "frame-size": Bars(
        "larger pictures, one face", f"ms a frame {RANGE}", "ms", lambda row: f"{row['width']}×{row['height']}"
    ),
    "peers": Bars("other packages on the clip", f"FPS {RANGE}", "fps", lambda row: row["name"], "cores"),
}
"""Charts of bars by measurement."""

DRAWN = {
    "stages": draw_shares,
    "live": draw_ages,
    "end-to-end": draw_end_to_end,
}
"""Other charts by measurement."""

CHARTS = (*BARS, *DRAWN)


def draw_chart(name: str, record: Record) -> Figure | None:
    """Draw a measurement's chart; None where the record lacks figures for it."""
    rows = record["figures"].get(name)
    if not rows or name not in CHARTS:
        return None
    return BARS[name].draw(rows) if name in BARS else DRAWN[name](record)


def _block(axes: Axes, level: int, start: float, share: float, name: str, colour: str, alpha: float = 0.75) -> None:
    """A part of the flame graph: its name stands inside where there is room, else in the legend."""
    label = None if share >= NARROW else f"{name} {share:.1%}"
    style: dict[str, Any] = {"height": 0.9, "color": colour, "alpha": alpha, "edgecolor": "white"}
    axes.barh(level, 100 * share, left=100 * start, label=label, **style)
    if share >= NARROW:
        axes.text(100 * (start + share / 2), level, f"{name}\n{share:.0%}", ha="center", va="center", fontsize=8)


def _range(value: Any) -> tuple[float, float, float]:
    """Median, minimum and maximum; a number is all of them."""
    return (value["p50"], value["minimum"], value["maximum"]) if isinstance(value, dict) else (value,) * 3


def _figure(size: tuple[float, float], title: str, x: str = "", y: str = "") -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.set_axisbelow(True)
    if x and y:
        axes.grid(alpha=0.3)
    return figure, axes
