"""Tables whose columns are declared, drawn for terminals and for Markdown pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

NO_VALUE = "–"

Row = Mapping[str, Any]
Rows = Sequence[Row]
Value = str | Callable[[Row, Rows], Any]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: its heading, with the unit.
        value: keys of a row joined by dots, or a function of a row and all rows.
        shown: format of the value.
        scale: factor from the row's unit to the shown one.
    """

    title: str
    value: Value
    shown: str = ""
    scale: float = 1

    def cell(self, row: Row, rows: Rows) -> str:
        value: Any = row
        if callable(self.value):
            value = self.value(row, rows)
        else:
            for key in self.value.split("."):
                value = None if value is None else value[key]
        if value is None:
            return NO_VALUE
        return format(value * self.scale if self.scale != 1 else value, self.shown)


def draw(columns: Sequence[Column], rows: Rows, *, markdown: bool = False) -> str:
    """Draw a row a line; what is None or below a None is shown as a dash."""
    cells = [[column.cell(row, rows) for column in columns] for row in rows]
    return table([column.title for column in columns], cells, markdown=markdown)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """Draw cells; the first column is aligned to the left and the others to the right."""
    first, *widths = (max(map(len, column)) for column in zip(titles, *rows, strict=True))

    def line(cells: Sequence[str]) -> str:
        aligned = [f"{cells[0]:<{first}}", *(f"{cell:>{n}}" for cell, n in zip(cells[1:], widths, strict=True))]
        return f"| {' | '.join(aligned)} |" if markdown else "  ".join(aligned)

    rule = ["-" * first, *(f"{'-' * (width - 1)}:" for width in widths)]
    return "\n".join([line(titles), *([line(rule)] if markdown else []), *map(line, rows)])
