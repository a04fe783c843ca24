"""The report as one self-contained HTML page."""

import base64
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from html import escape
from operator import getitem
from typing import Any

import numpy as np

from edge.base.options import declared
from edge.base.settings import Options, Wanted
from edge.model.bundle import Bundle
from edge.report.charts import clock, legend, shares, state_colours, timeline
from edge.report.digest import UNLABELLED, Digest, Episode, Person
from edge.report.table import columns

MAX_TABLE_ROWS = 20
"""Most rows of a timeline's table."""


def page(digest: Digest, summary: dict[str, Any], bundle: Bundle, card: str | None) -> str:
    """Return the HTML report of a video.

    Args:
        digest: numbers of the video.
        summary: content of the summary file, see `edge.report.video`.
        bundle: the model's bundle.
        card: text of the model card; None where the bundle has none.
    """
    name = escape(summary["video"])
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        'content="light dark"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>Facial expressions in {name}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Facial expressions in {name}</h1>{_overview(digest, summary)}{_caveats(bundle, card)}"
        f"{_shares(digest)}{_timelines(digest)}{_moments(digest)}{_episodes(digest)}"
        f"{_methods(summary, bundle)}{_card(card)}</main></body></html>\n"
    )


def _overview(digest: Digest, summary: dict[str, Any]) -> str:
    frames, persons = summary["frames"], len(digest.persons) + digest.left_out
    facts = {
        "duration": clock(digest.duration),
        "picture": f"{digest.size[0]} × {digest.size[1]}",
        "frames processed": f"{frames['answered']:,}",
        "frames with faces": f"{frames['with_faces']:,}",
        "frames without": f"{frames['without_faces']:,}",
        "persons": f"{persons:,}",
    }
    items = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in facts.items())
    return f'<dl class="facts">{items}</dl>{_incomplete(summary)}'


def _incomplete(summary: dict[str, Any]) -> str:
    if not summary["incomplete"]:
        return ""
    until, reason = summary["incomplete"]["until_s"], summary["incomplete"]["reason"]
    return (
        f"<p><strong>This report is incomplete.</strong> The video {escape(reason)}; "
        f"the report ends at {clock(until)}.</p>"
    )


def _caveats(bundle: Bundle, card: str | None) -> str:
    where = '<a href="#model-card">the model card</a>' if card else "the model card, which this bundle lacks"
    return (
        '<aside aria-label="About these numbers">'
        "<p><strong>These are expressions as a crowd would name them in a photograph, not feelings.</strong> "
        "People smile when they are sad and frown when they think.</p>"
        f"<p>{_accuracy(bundle)} A video’s conditions differ, and the error is not the same for all people and "
        f"classes: before you rely on a number, read the limits in {where}, and compare a sample with people’s "
        "own judgement.</p></aside>"
    )


def _accuracy(bundle: Bundle) -> str:
    judges = {"ferplus": "the majority of FER+", "fer2013": "the labels of FER-2013", "folder": "the data set's labels"}
    parts = [
        f"with {judges[by.labels]} on {by.accuracy:.1%} of {by.images:,} photographs (macro-F1 {by.macro_f1:.1%})"
        for by in bundle.measured
    ]
    if not parts:
        return "The bundle does not state the model's accuracy."
    return f"On test images that it had not seen, the model agreed {', and '.join(parts)}."


def _shares(digest: Digest) -> str:
    if not digest.persons:
        return "<h2>Persons</h2><p>No face was found in this video.</p>"
    head = ("person", "first seen", "last seen", "seen for, s", *digest.classes, *UNLABELLED, "episodes")
    rows = [
        (
            *(person.id, clock(person.first), clock(person.last), f"{person.present:.1f}"),
            *(f"{100 * share:.1f}" for share in person.seconds / max(person.present, 1e-9)),
            person.episodes.total(),
        )
        for person in digest.persons
    ]
    left_out = (
        f"<p>{digest.left_out:,} more persons, seen for {digest.left_out_seconds:.1f} s in total, have no "
        "numbers here; they are in the table of all faces.</p>"
        if digest.left_out
        else ""
    )
    caption = (
        "Shares in % of the time seen. Unsure: no expression was probable enough; not judged: the face was small, "
        "turned or blurred."
    )
    return (
        f"<h2>Persons</h2><figure>{shares(digest.persons)}{legend(digest.persons)}"
        "<figcaption>Figure 1. Share of each expression in the time for which a person was seen."
        f"</figcaption></figure>{_table(head, rows, caption)}{left_out}"
        "<p>A person who leaves the picture for more than a second comes back under a new number.</p>"
    )


def _timelines(digest: Digest) -> str:
    figures = "".join(
        f"<figure>{timeline(person, digest.width, digest.duration)}<figcaption>Figure {number}. Person "
        f"{person.id}. Top: the label, in which fleeting changes are left out. Below: probability of each expression, "
        f"averaged over {digest.width:g} s; at the right its mean while the face could be judged.</figcaption>"
        f"<details><summary>Table to the figure</summary>{_timeline_table(person, digest)}</details></figure>"
        for number, person in enumerate(digest.persons, start=2)
    )
    return f"<h2>Over time</h2>{figures}" if figures else ""


def _timeline_table(person: Person, digest: Digest) -> str:
    parts = max(1, math.ceil(digest.duration / digest.width))
    step = math.ceil(parts / MAX_TABLE_ROWS)
    rows = []
    for first in range(0, parts, step):
        seconds, weighted = np.split(person.bins[first : first + step].sum(axis=0), [len(person.states)])
        if not seconds.sum():
            continue
        begin, end = first * digest.width, min(digest.duration, (first + step) * digest.width)
        means = (
            [f"{v:.2f}" for v in weighted / seconds[:-1].sum()] if seconds[:-1].sum() else ["–"] * len(person.classes)
        )
        most = int(seconds.argmax())
        label = f"{person.states[most]} {seconds[most] / seconds.sum():.0%}"
        rows.append((f"{clock(begin)}–{clock(end)}", label, *means))
    head = ("time", "shown most", *person.classes)
    return _table(head, rows, f"Person {person.id}: label shown most, and mean probabilities")


def _moments(digest: Digest) -> str:
    colours = dict(zip(digest.classes, state_colours(digest.classes), strict=False))
    cards = "".join(_moment(episode, colours[episode.emotion]) for episode in digest.episodes if episode.picture)
    if not cards:
        return ""
    return (
        "<h2>Moments of change</h2><p>The face at the height of an episode: the longest ones of each expression.</p>"
        f'<div class="moments">{cards}</div>'
    )


def _moment(episode: Episode, colour: str) -> str:
    picture = base64.b64encode(episode.picture or b"").decode()
    alt = f"Person {episode.person} at {clock(episode.peak_time)}, {episode.emotion}"
    return (
        f'<figure style="border-top-color:{colour}"><img src="data:image/jpeg;base64,{picture}" alt="{alt}">'
        f"<figcaption><strong>{clock(episode.start)}</strong> person {episode.person}<br>"
        f"{episode.before or 'no label'} → <strong>{episode.emotion}</strong><br>"
        f"{episode.peak:.0%} at {clock(episode.peak_time)}</figcaption></figure>"
    )


def _episodes(digest: Digest) -> str:
    episodes = digest.episodes
    if not episodes:
        return ""
    head = ("start", "end", "duration, s", "person", "expression", "before", "peak at", "peak")
    rows = [
        (
            *(clock(e.start), clock(e.end), f"{e.duration:.2f}", e.person, e.emotion, e.before or "no label"),
            *(clock(e.peak_time), f"{e.peak:.2f}"),
        )
        for e in episodes
    ]
    some = f"{len(episodes):,} of {digest.episodes_seen:,} episodes, the longest of each expression"
    caption = some if len(episodes) < digest.episodes_seen else f"All {digest.episodes_seen:,} episodes"
    return (
        "<h2>Episodes</h2><p>An episode is a stretch of time with one label; its peak is the moment at which the "
        f"label was most probable.</p>{_table(head, rows, caption)}"
    )


def _methods(summary: dict[str, Any], bundle: Bundle) -> str:
    made_from = summary["made_from"]
    facts = {
        "video": f"{summary['video']}, {made_from['video']['bytes']:,} bytes",
        "model": f"{bundle.name}, {bundle.variant}",
        "sha256 of the model": made_from["model"]["sha256"],
        "accuracy of the model": _accuracy(bundle),
        "frames": ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in summary["frames"].items()),
        **summary["versions"],
    }
    settings = [*_settings(Options, made_from["settings"]), *_settings(Wanted, made_from["wanted"])]
    described = [(name, str(kind), meaning) for name, kind, meaning in columns(bundle.classes)]
    return (
        "<h2>How the numbers were made</h2><p>Each frame was searched for faces, or faces were followed from the frame "
        "before; each face was aligned by its landmarks and read by the model; the probabilities were averaged in time "
        "(an exponential with the time constant below), and a label replaced another when it was clearly ahead. Times "
        "are the video’s own, from its start.</p>"
        f"{_table(('what', 'value'), facts.items(), 'What the numbers depend on')}"
        f"{_table(('setting', 'value', 'meaning'), settings, 'Settings of the analysis')}"
        f"{_table(('column', 'type', 'meaning'), described, 'The table of all faces: one row a face a frame')}"
    )


def _settings(declaration: type, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and meaning of the settings that a report depends on."""
    for setting in declared(declaration):
        *outer, last = setting.path
        own = reduce(getitem, outer, values)
        if last in own:  # not everything is one that the numbers depend on
            name = setting.name.replace("_", " ").replace(".", ": ")
            yield name, _in_words(own[last], setting.option.unit), setting.option.help


def _in_words(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else f"{value} {unit}".strip()


def _card(card: str | None) -> str:
    return f'<h2 id="model-card">Model card</h2><pre>{escape(card)}</pre>' if card else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], caption: str) -> str:
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    """Return a cell; numbers and times are not broken into lines."""
    text = str(value)
    start = '<td class="number">' if _NUMBER.fullmatch(text) else "<td>"
    return f"{start}{escape(text)}</td>"


_NUMBER = re.compile(r"[\d.,:]+")

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1b1f; --soft: #5c5f66; --line: #d4d7dd; --plate: #f3f4f6;
  --note: #fff7e0; --edge: #c98a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e8e9ec; --soft: #a3a7b0; --line: #3a3e46;
  --plate: #22252b; --note: #2b2616; --edge: #e69f00; } }
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
svg { display: block; width: 100%; height: auto; font-size: 13px; fill: var(--ink); }
svg text { text-anchor: middle; font-variant-numeric: tabular-nums; }
svg .mid { dominant-baseline: central; text-anchor: start; }
svg .name { text-anchor: end; }
svg .share { text-anchor: middle; }
svg path, svg rect { shape-rendering: crispEdges; }
svg .plate { fill: var(--plate); }
svg .axis { stroke: var(--soft); fill: none; }
svg .contour { stroke: var(--ink); stroke-width: 0.8; stroke-opacity: 0.75; fill: none; shape-rendering: auto; }
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
pre { font-size: 12.5px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--plate);
  padding: 14px; }
"""
