"""Charts of records by matplotlib, which the extra `bench` installs; measurements do not need it.

Colours are distinct for colour-blind readers.
"""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.base.record import Record, machine_name, rows_of
from benchmarks.measure.end_to_end import END_TO_END
from benchmarks.report.document import FRONT
from benchmarks.report.trade_off import Point, by_place, front, points
from edge.base.files import whole_file, writing

SERIES_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's palette; yellow comes late because it is hard to see on white."""

MARKERS = "osD^vPX*"

DPI = 100


def draw_front(found: Sequence[Point]) -> Figure:
    """Draw accuracy against time, with a Pareto front per machine, split and labels; the legend names the numbers."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes, number = figure.subplots(), count(1)
    axes.set(title="accuracy against time", xlabel="ms of one face, one thread (logarithmic)", ylabel="% right")
    axes.grid(alpha=0.3)
    for (where, there), colour, marker in zip(by_place(found).items(), SERIES_COLOURS, MARKERS, strict=False):
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


def draw_end_to_end(record: Record) -> Figure:
    """Draw the share of faces found by their size, one panel per resolution; tilted faces have dashed lines."""
    rows = record["figures"][END_TO_END.name]
    sizes = list(dict.fromkeys((row["width"], row["height"]) for row in rows))
    series = list(dict.fromkeys((row["way"], row["tilt"]) for row in rows))
    colours = dict(zip(dict.fromkeys(way for way, _ in series), SERIES_COLOURS, strict=False))
    figure = Figure(figsize=(10, 1 + 3 * -(-len(sizes) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(sizes) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (width, height) in zip(panels.flat, sizes, strict=False):
        for way, tilt in series:
            mine = rows_of(record, END_TO_END.name, width=width, height=height, way=way, tilt=tilt)
            style = {"color": colours[way], "linestyle": "--" if tilt else "-", "marker": "."}
            label = f"{way}, {f'tilted by {tilt}°' if tilt else 'upright'}"
            axes.plot([row["size"] for row in mine], [100 * row["found"] for row in mine], label=label, **style)
        axes.set(title=f"{width}×{height}", xscale="log", ylim=(-3, 103))
        axes.set_xticks(ticks := sorted({row["size"] for row in rows}), [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=8, loc="lower right")
    figure.suptitle(f"{record['bundle']['name']} on {machine_name(record)}", fontsize=10)
    figure.supxlabel("width of an upright face, pixels (logarithmic)")
    figure.supylabel("% found: live within 1 s, in images at once")
    return figure


def draw(records: Sequence[Record], folder: Path) -> dict[tuple[int, str], Path]:
    """Draw the records' figures as PNGs; with several records, file names begin with the bundle's name.

    Returns:
        Their paths, as `benchmarks.report.document.Pictures` says.
    """
    drawn: dict[tuple[int, str], Path] = {}
    if found := points(records):
        drawn[-1, FRONT] = _save(draw_front(found), folder / f"{FRONT}.png")
    for i, record in enumerate(records):
        if record["figures"].get(END_TO_END.name):
            path = folder / f"{_prefix(records, i)}{END_TO_END.name}.png"
            drawn[i, END_TO_END.name] = _save(draw_end_to_end(record), path)
    return drawn


def _prefix(records: Sequence[Record], i: int) -> str:
    """Return the prefix of a record's pictures: empty for a single record, else the bundle's name, made unique."""
    if len(records) == 1:
        return ""
    names = [record["bundle"]["name"] for record in records]
    before = names[:i].count(names[i])
    return f"{names[i]}-{before + 1}-" if before else f"{names[i]}-"


def _save(figure: Figure, path: Path) -> Path:
    with writing(path), whole_file(path) as part:
        figure.savefig(part, dpi=DPI)
    return path
