"""HTML of a plain page with tables and lines, for pictures of text."""

import html
from collections.abc import Iterable, Sequence

STYLE = """
body { font: 14px/1.5 'DejaVu Sans', sans-serif; margin: 24px; color: #1b1f24; background: #fff }
h2 { font-size: 15px; margin: 0 0 8px }
table { border-spacing: 0; width: 100%; margin-bottom: 22px }
td { border-bottom: 1px solid #e3e6ea; padding: 3px 12px 3px 0 }
.columns { columns: 2; column-gap: 40px }
pre { font: 12px/1.55 'DejaVu Sans Mono', monospace; margin: 0 }
"""


def page(*parts: str) -> str:
    """Return a page of HTML parts."""
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(parts)}"


def heading(text: str) -> str:
    """Return a heading."""
    return f"<h2>{html.escape(text)}</h2>"


def table(rows: Iterable[Sequence[str]], *, columns: bool = False) -> str:
    """Return a table of texts; with `columns` it is broken into two beside one another."""
    lines = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}' for cell in row)}" for row in rows)
    return f"<div{' class=columns' if columns else ''}><table>{lines}</table></div>"


def lines(texts: Iterable[str]) -> str:
    """Return lines in a font of one width."""
    return f"<pre>{html.escape(chr(10).join(texts))}</pre>"
