"""The report as one self-contained HTML page."""

import base64
import math
from collections.abc import Iterator, Mapping
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
from edge.report.html import Cell, document, table
from edge.report.model_card import rendered
from edge.report.player import Player
from edge.report.table import columns

LEAST_SECONDS = 0.5
"""Shortest time for which a person is seen who gets a figure."""

MAX_TABLE_ROWS = 20
"""Most rows of a timeline's table."""


def page(digest: Digest, summary: dict[str, Any], bundle: Bundle, card: str | None, player: Player) -> str:
    """Return the HTML report of a video.

    Args:
        digest: numbers of the video.
        summary: content of the summary file, see `edge.report.video`.
        bundle: the model's bundle.
        card: text of the model card; None where the bundle has none.
        player: the video, or none.
    """
    body = (
        f"{_overview(digest, summary)}{player.html}{_caveats(bundle, card)}"
        f"{_shares(digest)}{_timelines(digest)}{_moments(digest, player)}{_episodes(digest, player)}"
        f"{_methods(summary, bundle)}{_card(card)}"
    )
    return document(f"Facial expressions in {summary['video']}", body, player.script, player.sources)


def _overview(digest: Digest, summary: dict[str, Any]) -> str:
    frames, persons = summary["frames"], len(digest.persons) + digest.left_out
    facts = {
        "duration": clock(digest.duration),
        "picture": f"{digest.size[0]} × {digest.size[1]}",
        "frames processed": f"{frames['answered']:,}",
        "frames with faces": f"{frames['with_faces']:,}",
        "frames without faces": f"{frames['without_faces']:,}",
        "persons": f"{persons:,}",
    }
    items = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in facts.items())
    return f'<p>{_in_a_sentence(digest, summary)}</p><dl class="facts">{items}</dl>{_incomplete(summary)}'


def _in_a_sentence(digest: Digest, summary: dict[str, Any]) -> str:
    """Say what is in the video."""
    persons, frames = len(digest.persons) + digest.left_out, summary["frames"]
    if not persons:
        return f"In {clock(digest.duration)} of video no face was found."
    seconds = np.sum([person.seconds for person in digest.persons], axis=0)
    shown = [(part / seconds.sum(), name) for part, name in zip(seconds, digest.classes, strict=False) if part]
    most = " and ".join(f"{name} ({share:.0%})" for share, name in sorted(shown, reverse=True)[:2])
    who = "1 person was seen" if persons == 1 else f"{persons:,} persons were seen"
    return (
        f"In {clock(digest.duration)} of video {who}, for {seconds.sum():,.1f} s, "
        f"{f'most often {most}' if most else 'never with a label'}; number of episodes: {digest.episodes_seen:,}. "
        f"{frames['without_faces']:,} of {frames['answered']:,} frames had no face."
    )


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
    figure = (
        f"<figure>{shares(_drawn(digest))}{legend(digest.persons)}<figcaption>Figure 1. Share of each expression in "
        "the time for which a person was seen.</figcaption></figure>"
    )
    return (
        f"<h2>Persons</h2>{figure if _drawn(digest) else ''}{table(head, rows, caption)}{left_out}{_brief(digest)}"
        "<p>A person who leaves the picture for more than a second comes back under a new number.</p>"
    )


def _drawn(digest: Digest) -> list[Person]:
    """Return the persons with figures: those who were there for more than a moment."""
    return [person for person in digest.persons if person.present >= LEAST_SECONDS]


def _brief(digest: Digest) -> str:
    if not (brief := len(digest.persons) - len(_drawn(digest))):
        return ""
    who = "One person who was" if brief == 1 else f"{brief} persons who were"
    return f"<p>{who} seen for less than {LEAST_SECONDS:g} s {'has' if brief == 1 else 'have'} no figure.</p>"


def _timelines(digest: Digest) -> str:
    figures = "".join(
        f"<figure>{timeline(person, digest.width, digest.duration)}<figcaption>Figure {number}. Person "
        f"{person.id}. Top: the label, in which fleeting changes are left out. Below: probability of each expression, "
        f"averaged over {digest.width:g} s; at the right its mean while the face could be judged.</figcaption>"
        f"<details><summary>Table to the figure</summary>{_timelinetable(person, digest)}</details></figure>"
        for number, person in enumerate(_drawn(digest), start=2)
    )
    return f"<h2>Over time</h2>{figures}" if figures else ""


def _timelinetable(person: Person, digest: Digest) -> str:
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
    return table(head, rows, f"Person {person.id}: label shown most, and mean probabilities")


def _moments(digest: Digest, player: Player) -> str:
    colours = dict(zip(digest.classes, state_colours(digest.classes), strict=False))
    cards = "".join(
        _moment(episode, colours[episode.emotion], player) for episode in digest.episodes if episode.picture
    )
    if not cards:
        return ""
    return (
        "<h2>Moments of change</h2><p>The face at the height of an episode: the longest ones of each expression.</p>"
        f'<div class="moments">{cards}</div>'
    )


def _moment(episode: Episode, colour: str, player: Player) -> str:
    picture = base64.b64encode(episode.picture or b"").decode()
    alt = f"Person {episode.person} at {clock(episode.peak_time)}, {episode.emotion}"
    return (
        f'<figure style="border-top-color:{colour}"><img src="data:image/jpeg;base64,{picture}" alt="{alt}">'
        f"<figcaption><strong>{player.time(episode.start)}</strong> person {episode.person}<br>"
        f"{episode.before or 'no label'} → <strong>{episode.emotion}</strong><br>"
        f"{episode.peak:.0%} at {player.time(episode.peak_time)}</figcaption></figure>"
    )


def _episodes(digest: Digest, player: Player) -> str:
    episodes = digest.episodes
    if not episodes:
        return ""
    head = ("start", "end", "duration, s", "person", "expression", "before", "peak at", "peak")
    rows = [
        (
            *(Cell(player.time(e.start), clock(e.start)), clock(e.end), f"{e.duration:.2f}"),
            *(e.person, e.emotion, e.before or "no label"),
            *(Cell(player.time(e.peak_time), clock(e.peak_time)), f"{e.peak:.2f}"),
        )
        for e in episodes
    ]
    some = f"{len(episodes):,} of {digest.episodes_seen:,} episodes, the longest of each expression"
    caption = some if len(episodes) < digest.episodes_seen else f"All {digest.episodes_seen:,} episodes"
    return (
        "<h2>Episodes</h2><p>An episode is a stretch of time with one label; its peak is the moment at which the "
        f"label was most probable.</p>{table(head, rows, caption)}"
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
        f"{table(('what', 'value'), facts.items(), 'What the numbers depend on')}"
        f"{table(('setting', 'value', 'meaning'), settings, 'Settings of the analysis')}"
        f"{table(('column', 'type', 'meaning'), described, 'The table of all faces: one row a face a frame')}"
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
    return f'<h2 id="model-card">Model card</h2><div class="card">{rendered(card)}</div>' if card else ""
