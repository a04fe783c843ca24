"""Figures of a report as SVG inside its page, whose text colour they inherit."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from edge.base.classes import shortened
from edge.outputs.palette import UNSURE, colour_of
from edge.report.digest import Person

LEFT, PLOT, RIGHT = 84, 800, 76
CHART_WIDTH = LEFT + PLOT + RIGHT
LANE, ROW, GAP, AXIS = 32, 24, 8, 30
"""Heights of the lane of labels, of a row of probabilities, of the gap between rows, and of the axis."""

MOST_ROWS, MOST_LETTERS = 12, 12
"""Rows of probabilities of a person; letters of a name beside a row."""

MOST_TICKS = 10
TICK_SPACINGS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Possible seconds between two ticks."""

_NOT_JUDGED = (90, 90, 90)


def hex_colour(bgr: tuple[int, int, int]) -> str:
    """Convert a colour of the annotated video to HTML's form."""
    blue, green, red = bgr
    return f"#{red:02x}{green:02x}{blue:02x}"


def state_colours(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the colours of the classes, of unsure, and of not judged."""
    colours = [colour_of(label) for label in range(len(classes))]
    return tuple(hex_colour(colour) for colour in (*colours, UNSURE, _NOT_JUDGED))


def shown_classes(person: Person) -> list[int]:
    """Return the numbers of the classes that have a row: all, or those of the highest probabilities, in their order."""
    sums = person.bins[:, len(person.states) :].sum(axis=0)
    return sorted(int(label) for label in np.argsort(-sums, kind="stable")[:MOST_ROWS])


def clock(seconds: float) -> str:
    """Format seconds as m:ss.ss, or h:mm:ss.ss from an hour on."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 100:02}.{rest % 100:02}"


def timeline(person: Person, width: float, duration: float) -> str:
    """Draw a person's labels over time, and below them the probabilities.

    Args:
        person: the person.
        width: seconds of each part of `person.bins`.
        duration: length of the video, seconds.
    """
    edges = LEFT + PLOT * np.minimum(1, np.arange(len(person.bins) + 1) * width / max(duration, 1e-9))
    seconds, weighted = np.split(person.bins, [len(person.states)], axis=1)
    colours, labels = state_colours(person.classes), shown_classes(person)
    shown = seconds.sum(axis=1)
    parts = [_name("label", LANE / 2), _plate(0, LANE)]
    level = np.zeros(len(shown))
    for state, colour in enumerate(colours):
        heights = LANE * seconds[:, state] / np.maximum(shown, 1e-9)
        parts.append(_bars(edges, LANE - level, heights, colour))
        level += heights
    judged = seconds[:, :-1].sum(axis=1)
    for row, label in enumerate(labels):
        top = LANE + GAP + row * (ROW + GAP)
        heights = ROW * weighted[:, label] / np.maximum(judged, 1e-9)
        mean = weighted[:, label].sum() / max(judged.sum(), 1e-9)
        parts += [
            *(_name(person.classes[label], top + ROW / 2), _plate(top, ROW)),
            _bars(edges, np.full(len(heights), top + ROW), heights, colours[label]),
            _contour(edges, top + ROW, heights, judged > 0),
            f'<text x="{LEFT + PLOT + 8}" y="{top + ROW / 2}" class="mid">{mean:.0%}</text>',
        ]
    bottom = LANE + GAP + len(labels) * (ROW + GAP)
    parts.append(_axis(duration, bottom))
    title = f"Person {person.id}: expressions over time"
    description = (
        f"Seen from {clock(person.first)} to {clock(person.last)}. The upper lane has the colour of the label; where a "
        "part of the video has several, each has its share of the height. The rows below are the mean "
        "probabilities, from 0 to 1. The table after the figure has the same numbers."
    )
    return _svg(f"timeline-{person.id}", title, description, bottom + AXIS, parts)


def shares(persons: Iterable[Person]) -> str:
    """Draw a bar for each person, divided by the time of each expression."""
    parts, top = [], 0
    for person in persons:
        part = person.seconds / max(person.present, 1e-9)
        starts = np.cumsum(part) - part
        parts.append(_name(f"person {person.id}", top + LANE / 2))
        for state, colour in enumerate(state_colours(person.classes)):
            edges = LEFT + PLOT * np.array([starts[state], starts[state] + part[state]])
            parts.append(_bars(edges, np.array([top + LANE]), np.array([LANE * (part[state] > 0)]), colour))
            if part[state] >= 0.05:
                ink = "#fff" if person.states[state] == "not judged" else "#141414"
                parts.append(
                    f'<text x="{edges.mean():.1f}" y="{top + LANE / 2}" class="mid share" fill="{ink}">'
                    f"{part[state]:.0%}</text>"
                )
        parts.append(f'<text x="{LEFT + PLOT + 8}" y="{top + LANE / 2}" class="mid">{person.present:.1f} s</text>')
        top += LANE + GAP
    description = "One bar for each person, its parts as long as the shares in the table below; right, the time seen."
    return _svg("shares", "Share of each expression", description, top, parts)


def legend(persons: Sequence[Person]) -> str:
    """Return the legend of the colours: of all states, or of those that occur where there are many."""
    states, seconds = persons[0].states, np.sum([person.seconds for person in persons], axis=0)
    entries = (
        f'<li><span class="swatch" style="background:{colour}"></span>{escape(state)}</li>'
        for state, colour, there in zip(states, state_colours(persons[0].classes), seconds > 0, strict=True)
        if there or len(persons[0].classes) <= MOST_ROWS
    )
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _svg(name: str, title: str, description: str, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 -2 {CHART_WIDTH} {height + 4:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _name(text: str, y: float) -> str:
    return f'<text x="{LEFT - 10}" y="{y:g}" class="mid name">{escape(shortened(text, MOST_LETTERS))}</text>'


def _plate(top: float, height: float) -> str:
    return f'<rect x="{LEFT}" y="{top:g}" width="{PLOT}" height="{height}" class="plate"/>'


def _bars(edges: np.ndarray, bottoms: np.ndarray, heights: np.ndarray, colour: str) -> str:
    """Draw all bars with a height as one path; neighbours share their edges to a tenth, so that no gap is visible."""
    edges = edges.round(1)
    path = "".join(
        f"M{x0:g} {bottom:.1f}H{x1:g}v{-height:.1f}H{x0:g}z"
        for x0, x1, bottom, height in zip(edges, edges[1:], bottoms, heights, strict=False)
        if height >= 0.05 and x1 > x0
    )
    return f'<path d="{path}" fill="{colour}"/>' if path else ""


def _contour(edges: np.ndarray, bottom: float, heights: np.ndarray, there: np.ndarray) -> str:
    """Draw the upper edge of the bars, which separates light colours from light paper."""
    path, drawing = "", False
    for x0, x1, height, present in zip(edges, edges[1:], heights, there, strict=False):
        if present:
            path += f"{'V' if drawing else f'M{x0:.1f} '}{bottom - height:.1f}H{x1:.1f}"
        drawing = bool(present)
    return f'<path d="{path}" class="contour"/>' if path else ""


def _axis(duration: float, top: float) -> str:
    step = next((tick for tick in TICK_SPACINGS if duration / tick <= MOST_TICKS), TICK_SPACINGS[-1])
    parts = [f'<path d="M{LEFT} {top:g}h{PLOT}" class="axis"/>']
    for tick in np.arange(0, duration + 1e-9, step):
        x = LEFT + PLOT * tick / max(duration, 1e-9)
        text = clock(float(tick)) if step < 1 else clock(float(tick)).rpartition(".")[0]
        parts.append(f'<path d="M{x:.1f} {top:g}v5" class="axis"/><text x="{x:.1f}" y="{top + 18:g}">{text}</text>')
    return "".join(parts)
