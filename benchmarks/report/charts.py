"""Charts of records, by matplotlib, which comes with the extra `bench`; a board measures as well without it.

Colours are distinct for colour-blind readers.
"""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.base.record import Record, machine_name, rows_of
from benchmarks.report.document import FRONT
from benchmarks.report.trade_off import Point, by_place, front, points
from edge.base.files import whole_file, writing

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's palette, the yellow late: it is hard to see on white."""

MARKERS = "osD^vPX*"

DPI = 100


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


CHARTS = {"live": draw_ages, "end-to-end": draw_end_to_end}
"""Charts by measurement, of those whose table does not say all."""


def draw(records: Sequence[Record], folder: Path) -> dict[tuple[int, str], Path]:
    """Draw what records have figures of.

    Args:
        records: what to draw.
        folder: where the PNGs go; where there are several records, their names begin with that of the bundle.

    Returns:
        Their paths, as `benchmarks.report.document.Pictures` says.
    """
    drawn: dict[tuple[int, str], Path] = {}
    if found := points(records):
        drawn[-1, FRONT] = _save(draw_front(found), folder / f"{FRONT}.png")
    for i, record in enumerate(records):
        machine = record["machine"]
        for name in (name for name in CHARTS if record["figures"].get(name)):
            figure = CHARTS[name](record)
            where = f"{machine_name(record)}, {machine['runtime']}, OpenCV {machine['opencv']}"
            figure.suptitle(f"{record['bundle']['name']} on {where}", fontsize=10)
            drawn[i, name] = _save(figure, folder / f"{_prefix(records, i)}{name}.png")
    return drawn


def _figure(size: tuple[float, float], title: str, x: str = "", y: str = "") -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.set_axisbelow(True)
    if x and y:
        axes.grid(alpha=0.3)
    return figure, axes


def _prefix(records: Sequence[Record], i: int) -> str:
    """Prefix of a record's pictures: empty for a single record, else the bundle's name, with a number if needed."""
    if len(records) == 1:
        return ""
    names = [record["bundle"]["name"] for record in records]
    before = names[:i].count(names[i])
    return f"{names[i]}-{before + 1}-" if before else f"{names[i]}-"


def _save(figure: Figure, path: Path) -> Path:
    with writing(path), whole_file(path) as part:
        figure.savefig(part, dpi=DPI)
    return path
