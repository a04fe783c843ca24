"""Plots of records. Matplotlib comes with the extra `bench`; a board measures as well without it."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.base.record import Record, machine_name
from benchmarks.report.charts import CHARTS, draw_chart, draw_front
from benchmarks.report.document import FRONT
from benchmarks.report.trade_off import points
from edge.base.files import whole_file, writing

DPI = 100


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
        prefix, machine = _prefix(records, i), record["machine"]
        for name in CHARTS:
            if figure := draw_chart(name, record):
                where = f"{machine_name(record)}, {machine['runtime']}, OpenCV {machine['opencv']}"
                figure.suptitle(f"{record['bundle']['name']} on {where}", fontsize=10)
                drawn[i, name] = _save(figure, folder / f"{prefix}{name}.png")
    return drawn


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
