"""Measurements: what each runs, and the presentation of its rows in reports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.base.bootstrap import Interval, median_ratio, sample, significantly_different
from benchmarks.base.plan import Plan
from edge.base.text_table import Column, Row, Rows, Value, draw

NOT_SIGNIFICANT = "not significantly different"


@dataclass(frozen=True)
class PartialResults:
    """Rows of some participants, and the reason for each other one, by name."""

    rows: Sequence[Row]
    gaps: dict[str, str]


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Attributes:
        name: in the command line and in records.
        run: measures; returns rows.
        title: above the table, in Markdown.
        columns: of the table.
        compared: counts and distributions over rounds by key; +1 where more is better, -1 where less is.
        more: makes the text below the table, in Markdown.
        usual: part of a run without named measurements.
    """

    name: str
    run: Callable[[Plan], Sequence[Row] | PartialResults]
    title: str
    columns: tuple[Column, ...]
    compared: Mapping[str, int] = field(default_factory=dict)
    more: Callable[[Rows], list[str]] = lambda rows: []
    usual: bool = False

    def text(self, rows: Rows) -> str:
        """Format the rows in Markdown."""
        return "\n\n".join([self.title, draw(self.columns, rows, markdown=True), *self.more(rows)])


def spread(key: str, shown: str) -> Value:
    """Lowest to highest value of a distribution."""
    return lambda row, rows: "–".join(format(row[key][end], shown) for end in ("minimum", "maximum"))


def points(key: str) -> Value:
    """Interval of a difference of shares, in points."""

    def value(row: Row, rows: Rows) -> str | None:
        scaled = {end: 100 * share for end, share in (row[key] or {}).items()}
        return Interval(**scaled).shown("{:+.1f}") if scaled else None

    return value


def relative_to_best(key: str, setting: str, better: int = -1) -> Value:
    """Ratio of a median to the best one in the same setting, if they differ significantly."""

    def value(row: Row, rows: Rows) -> str | None:
        others = [other for other in rows if other[setting] == row[setting]]
        best = max(others, key=lambda other: better * other[key]["p50"])
        if len(others) == 1:
            return None
        if row is best:
            return "best"
        ours, its = sample(row[key]), sample(best[key])
        ratio = f"{median_ratio(its, ours).estimate:.2f} times"
        return ratio if significantly_different(its, ours) else NOT_SIGNIFICANT

    return value


def marked(difference: str, one: Row, other: Row) -> str:
    """Mark a difference of two distributions that is not significant."""
    same = one is not other and not significantly_different(sample(one), sample(other))
    return f"{difference} ({NOT_SIGNIFICANT})" if same else difference


VARIANT, CORES = Column("variant", "variant"), Column("cores", "cores")
PACKAGE = Column("package", lambda row, rows: f"{row['name']} {row['version']}")
PEAK = Column("peak MB", "peak", ".0f", 1e-6)
PIXELS = Column("pixels", lambda row, rows: f"{row['width']}×{row['height']}")
SCORES = (
    Column("folder labels", "accuracy", ".2%"),
    Column("macro-F1", "macro_f1", ".2%"),
    Column("FER+ majority", "ferplus_accuracy", ".2%"),
    Column("macro-F1", "ferplus_macro_f1", ".2%"),
)
