"""Figures of a report as SVG inside its page, whose text colour they inherit.

Text keeps its size on screens of every width; what is drawn between it is stretched.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from edge.base.classes import shortened
from edge.outputs.palette import UNSURE, colour_of
from edge.report.digest import Person

PLOT = 800
"""Units of the width of what is stretched; names are left of it, values right of it, see the style of `.chart`."""

LANE, ROW, GAP, AXIS = 32, 24, 8, 30
"""Heights of the lane of labels, of a row of probabilities, of the gap between rows, and of the axis."""

MOST_ROWS, MOST_LETTERS = 12, 12
"""Rows of probabilities of a person; letters of a name beside a row."""

MOST_COLUMNS = 100
"""Most parts of a timeline that show their numbers where a pointer rests."""

FEW_PROBABILITIES = 3
"""Highest probabilities that are shown there."""

NARROW = 0.15
"""Share of a bar that is too narrow for a number on a phone."""

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
    edges = PLOT * np.minimum(1, np.arange(len(person.bins) + 1) * width / max(duration, 1e-9))
    seconds, weighted = np.split(person.bins, [len(person.states)], axis=1)
    colours, labels = state_colours(person.classes), shown_classes(person)
    texts = [_name("label", LANE / 2)]
    stretches = _stretches(seconds, width)
    drawn = [_plate(0, LANE), *(_lane(stretches, state, duration, colour) for state, colour in enumerate(colours))]
    judged = seconds[:, :-1].sum(axis=1)
    for row, label in enumerate(labels):
        top = LANE + GAP + row * (ROW + GAP)
        heights = ROW * weighted[:, label] / np.maximum(judged, 1e-9)
        mean = f"{weighted[:, label].sum() / judged.sum():.0%}" if judged.any() else "–"
        texts += [_name(person.classes[label], top + ROW / 2), _value(mean, top + ROW / 2)]
        drawn += [
            _plate(top, ROW),
            _curve(edges, top + ROW, heights, judged > 0, colours[label]),
        ]
    bottom = LANE + GAP + len(labels) * (ROW + GAP)
    ticks, numbers = _axis(duration, bottom)
    title = f"Person {person.id}: expressions over time"
    description = (
        f"Seen from {clock(person.first)} to {clock(person.last)}. The upper lane has the colour of the label; where a "
        "part of the video has several, each has its share of the width. The rows below are the mean "
        "probabilities, from 0 to 1. The table after the figure has the same numbers."
    )
    plot = _plot(bottom, [*drawn, ticks], numbers + _columns(person, width, duration, bottom))
    return _svg(f"timeline-{person.id}", title, description, bottom + AXIS, [*texts, plot])


def shares(persons: Iterable[Person]) -> str:
    """Draw a bar for each person, divided by the time of each expression."""
    texts, drawn, numbers, top = [], [], [], 0
    for person in persons:
        part = person.seconds / max(person.present, 1e-9)
        starts = np.cumsum(part) - part
        texts += [_name(f"person {person.id}", top + LANE / 2), _value(f"{person.present:.1f} s", top + LANE / 2)]
        for state, colour in enumerate(state_colours(person.classes)):
            if part[state]:
                drawn.append(_bar(starts[state], starts[state] + part[state], top, colour))
            if part[state] >= 0.05:
                ink = "#fff" if person.states[state] == "not judged" else "#141414"
                narrow = " narrow" if part[state] < NARROW else ""
                numbers.append(
                    f'<text x="{starts[state] + part[state] / 2:.1%}" y="{top + LANE / 2}" class="mid share{narrow}" '
                    f'fill="{ink}">{part[state]:.0%}</text>'
                )
        top += LANE + GAP
    description = "One bar for each person, its parts as long as the shares in the table below; right, the time seen."
    return _svg("shares", "Share of each expression", description, top, [*texts, _plot(top, drawn, "".join(numbers))])


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
        f'<svg class="chart" height="{height + 4:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _plot(height: float, drawn: Iterable[str], over: str) -> str:
    """Stretch what is drawn to the width of the chart; `over` has places in percent of it."""
    return (
        f'<svg width="100%" height="{height:g}" viewBox="0 0 {PLOT} {height:g}" preserveAspectRatio="none">'
        f"{''.join(drawn)}</svg>{over}"
    )


def _name(text: str, y: float) -> str:
    return f'<text x="-10" y="{y:g}" class="mid name">{escape(shortened(text, MOST_LETTERS))}</text>'


def _value(text: str, y: float) -> str:
    return f'<text x="100%" dx="8" y="{y:g}" class="mid">{text}</text>'


def _plate(top: float, height: float) -> str:
    return f'<rect y="{top:g}" width="{PLOT}" height="{height}" class="plate"/>'


def _stretches(seconds: np.ndarray, width: float) -> list[tuple[int, float, float]]:
    """Return state, start and end of the stretches of time with one state, seconds.

    Where a part of the timeline has several states, the one of the part before comes first, and the one of the part
    after it last. A person who was there for some of it was there at the side of the other parts with them.

    Args:
        seconds: float64 `[parts, states]`, time in each state.
        width: seconds of a part.
    """
    found: list[tuple[int, float, float]] = []
    most = np.where(seconds.any(axis=1), seconds.argmax(axis=1), -1)
    for part in np.flatnonzero(most >= 0):
        before = found[-1][0] if found and part and most[part - 1] >= 0 else -1
        after = most[part + 1] if part + 1 < len(most) else -1
        states = sorted(np.flatnonzero(seconds[part]), key=lambda state: (state != before, state == after))
        start = part * width if before >= 0 else (part + 1) * width - seconds[part].sum()
        for state in map(int, states):
            end = start + seconds[part, state]
            if found and found[-1][0] == state and start - found[-1][2] < width / 100:
                found[-1] = state, found[-1][1], end
            else:
                found.append((state, start, end))
            start = end
    return found


def _lane(stretches: Iterable[tuple[int, float, float]], state: int, duration: float, colour: str) -> str:
    """Draw the stretches of a state at the top."""
    scale = PLOT / max(duration, 1e-9)
    ends = [(start * scale, min(PLOT, end * scale)) for one, start, end in stretches if one == state]
    path = "".join(f"M{start:.1f} 0H{end:.1f}V{LANE}H{start:.1f}z" for start, end in ends)
    return f'<path d="{path}" fill="{colour}"/>' if path else ""


def _bar(start: float, end: float, top: float, colour: str) -> str:
    """Draw a bar between two shares of the width."""
    return f'<path d="M{PLOT * start:.1f} {top:g}H{PLOT * end:.1f}v{LANE}H{PLOT * start:.1f}z" fill="{colour}"/>'


def _curve(edges: np.ndarray, bottom: float, heights: np.ndarray, there: np.ndarray, colour: str) -> str:
    """Draw a curve through the middles of the parts in which somebody was there, and the area below it.

    The line separates light colours from light paper.
    """
    line = area = ""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    for first, last in ends.reshape(-1, 2):
        middles = (edges[first:last] + edges[first + 1 : last + 1]) / 2
        xs = [edges[first], *middles, edges[last]]
        ys = bottom - np.array([heights[first], *heights[first:last], heights[last - 1]])
        points = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))
        line += f"M{points}"
        area += f"M{points}V{bottom:g}H{edges[first]:.1f}z"
    return f'<path d="{area}" fill="{colour}"/><path d="{line}" class="contour"/>' if line else ""


def _axis(duration: float, top: float) -> tuple[str, str]:
    """Return the axis, which is stretched, and its numbers, which are not."""
    step = next((tick for tick in TICK_SPACINGS if duration / tick <= MOST_TICKS), TICK_SPACINGS[-1])
    path, numbers = f"M0 {top:g}h{PLOT}", []
    for place, tick in enumerate(np.arange(0, duration + 1e-9, step)):
        share = tick / max(duration, 1e-9)
        text = clock(float(tick)) if step < 1 else clock(float(tick)).rpartition(".")[0]
        path += f"M{PLOT * share:.1f} {top:g}v5"
        odd = ' class="odd"' * (place % 2)
        numbers.append(f'<text x="{share:.2%}" y="{top + 18:g}"{odd}>{text}</text>')
    return f'<path d="{path}" class="axis"/>', "".join(numbers)


def _columns(person: Person, width: float, duration: float, height: float) -> str:
    """Return the parts of a timeline in which the person was seen, each with its numbers as the title."""
    parts = max(1, math.ceil(duration / width))
    step = math.ceil(parts / MOST_COLUMNS)
    columns = []
    for first in range(0, parts, step):
        if text := _in_words(person, person.bins[first : first + step].sum(axis=0)):
            begin, end = first * width, min(duration, (first + step) * width)
            columns.append(
                f'<rect x="{begin / duration:.2%}" width="{(end - begin) / duration:.2%}" height="{height:g}" '
                f'class="column" data-seek="{begin:.2f}"><title>{clock(begin)}–{clock(end)}: {escape(text)}</title>'
                "</rect>"
            )
    return "".join(columns)


def _in_words(person: Person, numbers: np.ndarray) -> str:
    """Describe the most frequent label and the highest probabilities of a part; empty where nobody was seen."""
    seconds, weighted = np.split(numbers, [len(person.states)])
    if not seconds.sum():
        return ""
    text = f"{person.states[int(seconds.argmax())]} {seconds.max() / seconds.sum():.0%} of the time"
    if judged := seconds[:-1].sum():
        first = np.argsort(-weighted, kind="stable")[:FEW_PROBABILITIES]
        text += f"; {', '.join(f'{person.classes[label]} {weighted[label] / judged:.2f}' for label in first)}"
    return text
