"""Plots of records. Matplotlib comes with the extra `bench`; a board measures as well without it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.base.record import Record
from benchmarks.report import charts
from benchmarks.report.document import FRONT
from benchmarks.report.trade_off import machine_name, points
from edge.base.files import whole_file, writing

DPI = 100

CHARTS: Mapping[str, Callable[[Record], Figure | None]] = {
    "latency": charts.draw_latency,
    "operators": charts.draw_operators,
    "memory": charts.draw_memory,
    "pipeline": charts.draw_pipeline,
    "stages": charts.draw_shares,
    "live": charts.draw_ages,
    "face-count": charts.draw_face_count,
    "frame-size": charts.draw_frame_size,
    "face-sizes": charts.draw_face_sizes,
}
"""Charts by measurement; None where a record lacks figures for it."""


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
        drawn[-1, FRONT] = folder / f"{FRONT}.png"
        _save(charts.draw_front(found), drawn[-1, FRONT])
    for i, record in enumerate(records):
        prefix = _prefix(records, i)
        for name, chart in CHARTS.items():
            if record["figures"].get(name) and (figure := chart(record)):
                figure.suptitle(f"{record['bundle']['name']} on {_on(record)}", fontsize=10)
                drawn[i, name] = folder / f"{prefix}{name}.png"
                _save(figure, drawn[i, name])
    return drawn


def _prefix(records: Sequence[Record], i: int) -> str:
    """Prefix of a record's pictures: empty for a single record, else the bundle's name, with a number if needed."""
    if len(records) == 1:
        return ""
    names = [record["bundle"]["name"] for record in records]
    before = names[:i].count(names[i])
    return f"{names[i]}-{before + 1}-" if before else f"{names[i]}-"


def _on(record: Record) -> str:
    machine = record["machine"]
    return f"{machine_name(record)}, {machine['runtime']}, OpenCV {machine['opencv']}"


def _save(figure: Figure, path: Path) -> None:
    with writing(path), whole_file(path) as part:
        figure.savefig(part, dpi=DPI)
