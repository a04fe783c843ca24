"""Parts that all pages of reports have: one self-contained document, tables, and the style."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple


def document(title: str, body: str, script: str = "", media: str = "'none'") -> str:
    """Return an HTML page that loads nothing from elsewhere, as its content security policy states.

    Args:
        title: heading and title, plain text.
        body: HTML below the heading.
        script: the one script that may run.
        media: sources of video that the policy allows.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        *([f"script-src 'sha256-{digest}'"] if script else []),
        f"media-src {media}",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{body}</main>{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


class Cell(NamedTuple):
    """A cell of a table that is HTML, and its text."""

    html: str
    text: str


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], caption: str) -> str:
    """Draw a table that scrolls by itself where it is wider than the page."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    """Return a cell; numbers and times are not broken into lines."""
    cell = value if isinstance(value, Cell) else Cell(escape(str(value)), str(value))
    start = '<td class="number">' if _NUMBER.fullmatch(cell.text) else "<td>"
    return f"{start}{cell.html}</td>"


_NUMBER = re.compile(r"[\d.,:]+")

PAGE_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1b1f; --soft: #5c5f66; --line: #d4d7dd; --plate: #f3f4f6;
  --note: #fff7e0; --edge: #c98a00; --bar: #cfe3f5; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e8e9ec; --soft: #a3a7b0; --line: #3a3e46;
  --plate: #22252b; --note: #2b2616; --edge: #e69f00; --bar: #24425c; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --plate: #f3f4f6;
  --note: #fff; --edge: #999; } figure, aside, tr { break-inside: avoid; } h2 { break-after: avoid; }
  .scroll { overflow: visible !important; } details::details-content { content-visibility: visible; }
  pre { white-space: pre-wrap; } @page { margin: 15mm; } }
* { box-sizing: border-box; }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Liberation Sans",
  sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 12px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
a { color: inherit; }
.facts { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 0 0 20px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 18px; font-variant-numeric: tabular-nums; }
aside { background: var(--note); border-left: 4px solid var(--edge); padding: 10px 16px; }
aside p { margin: 4px 0; }
figure { margin: 20px 0; }
figcaption { color: var(--soft); font-size: 13.5px; margin-top: 6px; }
svg { fill: var(--ink); }
.chart { display: block; width: calc(100% - 144px); margin-left: 84px; overflow: visible; font-size: 13px; }
.column { fill: transparent; }
.column:hover { fill: var(--ink); fill-opacity: 0.12; }
svg text { text-anchor: middle; font-variant-numeric: tabular-nums; }
svg .mid { dominant-baseline: central; text-anchor: start; }
svg .name { text-anchor: end; }
svg .share { text-anchor: middle; }
svg path, svg rect { shape-rendering: crispEdges; }
svg .plate { fill: var(--plate); }
svg .axis { stroke: var(--soft); fill: none; vector-effect: non-scaling-stroke; }
svg .contour { stroke: var(--ink); stroke-width: 0.8; stroke-opacity: 0.75; fill: none; shape-rendering: auto;
  vector-effect: non-scaling-stroke; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 0; margin: 6px 0 0;
  font-size: 13.5px; }
.swatch { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border: 1px solid var(--soft); }
.scroll { overflow-x: auto; margin: 14px 0; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 6px; }
th, td { text-align: left; padding: 4px 12px 4px 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child, .number { white-space: nowrap; }
th { border-bottom: 2px solid var(--line); font-weight: 600; overflow-wrap: normal; }
td { border-bottom: 1px solid var(--line); }
details { margin-top: 8px; } summary { cursor: pointer; font-size: 13.5px; }
.moments { display: grid; grid-template-columns: repeat(auto-fill, minmax(126px, 1fr)); gap: 14px; }
.moments figure { margin: 0; border-top: 5px solid; padding-top: 6px; font-size: 13px; }
.moments img { display: block; height: 112px; max-width: 100%; }
.moments figcaption { color: inherit; font-size: 12.5px; line-height: 1.35; }
.player { position: sticky; top: 0; z-index: 1; background: var(--paper); padding: 8px 0; }
.player video { display: block; width: 100%; max-height: 30vh; background: #000; }
.player p { margin: 4px 0 0; color: var(--soft); font-size: 13px; }
.player ~ * [data-seek] { cursor: pointer; }
.card { font-size: 14px; } .card h3, .card h4 { margin: 24px 0 8px; font-size: 16px; }
.index button { all: unset; cursor: pointer; font-weight: 600; } .index button:focus-visible { outline: 2px solid; }
th[aria-sort=descending] button::after { content: " ▼"; } th[aria-sort=ascending] button::after { content: " ▲"; }
main:has(.index) { max-width: 1500px; }
.index th { white-space: nowrap; } .index td:last-child { min-width: 260px; }
.bar { background: linear-gradient(to right, var(--bar) var(--share), transparent var(--share)) no-repeat;
  min-width: 56px; }
@media (max-width: 600px) { main { padding: 16px 12px 48px; } .odd, .narrow { display: none; } }
pre { font-size: 12.5px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--plate);
  padding: 14px; }
"""
