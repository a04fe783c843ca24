"""Markdown tables, aligned so that a terminal shows them as well."""

from collections.abc import Sequence

UNKNOWN = "–"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table; the first column is aligned to the left and the others to the right."""
    first, *widths = (max(map(len, column)) for column in zip(columns, *rows, strict=True))

    def line(cells: Sequence[str]) -> str:
        values = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=True))
        return f"| {' | '.join([f'{cells[0]:<{first}}', *values])} |"

    rule = ["-" * first, *(f"{'-' * (width - 1)}:" for width in widths)]
    return "\n".join([line(columns), line(rule), *(line(row) for row in rows)])
