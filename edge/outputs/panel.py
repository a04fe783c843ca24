"""The panel of a face's probabilities, and its place in the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from edge.base.classes import shortened
from edge.base.geometry import Area
from edge.outputs.palette import PAPER, colour_of

FONT = cv2.FONT_HERSHEY_SIMPLEX

MAX_ROWS = 12
"""Rows of a panel; of more classes the most probable are shown."""

MAX_LETTERS = 16
"""Letters of a class name in a panel; longer ones are cut."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a panel in pixels.

    Attributes:
        scale, thickness: font size and stroke.
        row: height of a row.
        base: distance of the baseline from the top of a row.
        pad: space around texts and bars.
        names, bars, figures: widths of the columns.
        rows: number of rows.
    """

    scale: float
    thickness: int
    row: int
    base: int
    pad: int
    names: int
    bars: int
    figures: int
    rows: int

    @property
    def width(self) -> int:
        return self.names + self.bars + self.figures + 4 * self.pad

    @property
    def height(self) -> int:
        return self.rows * self.row + self.pad


@lru_cache(maxsize=16)
def panel_layout(unit: float, classes: tuple[str, ...]) -> Layout:
    """Return sizes for some classes in a picture with texts `unit` times as large as at 720 pixels."""
    scale, thickness = 0.42 * unit, max(1, round(unit))
    row, pad = round(16 * unit), max(2, round(3 * unit))

    def size(text: str) -> tuple[int, int]:
        (width, height), _ = cv2.getTextSize(text, FONT, scale, thickness)
        return int(width), int(height)

    names, (figures, digits) = max(size(shortened(name, MAX_LETTERS))[0] for name in classes), size(percent(1.0))
    rows = min(len(classes), MAX_ROWS)
    return Layout(scale, thickness, row, (row + digits) // 2, pad, names, round(70 * unit), figures, rows)


def percent(probability: float) -> str:
    """Format a probability for all texts in a picture."""
    return f"{float(probability):.0%}"


def place_panel(
    layout: Layout, box: Area, frame: Area, gap: int, faces: Sequence[Area], texts: Sequence[Area]
) -> Area | None:
    """Find the place near a face where a panel covers the least of all faces.

    Args:
        layout: layout of the panel.
        box: the face's box.
        frame: the picture; the panel lies within it.
        gap: pixels between face and panel.
        faces: all faces, which should stay visible.
        texts: labels and other panels, which must stay visible.

    Returns:
        The first of the best places: right of the face, left of it, below, above, or over its lower part. None if none
        of them is free of texts or the picture is too small.
    """
    width, height = layout.width, layout.height
    x, y = _within(box.left, width, frame.width), _within(box.top, height, frame.height)
    low = _within(min(box.bottom, frame.bottom) - height, height, frame.height)
    places = (
        (box.right + gap, y),
        (box.left - gap - width, y),
        (x, box.bottom + gap),
        (x, box.top - 4 * gap - height),  # above the label, too
        (x, low),
        (_within(box.right - width, width, frame.width), low),
    )
    best, least = None, width * height * len(faces) + 1
    for x, y in places:
        area = Area(x, y, x + width, y + height)
        if area.shared(frame) < width * height or any(map(area.shared, texts)):
            continue
        if (covered := sum(map(area.shared, faces))) < least:
            best, least = area, covered
        if not covered:
            break
    return best


def draw_panel(panel: np.ndarray, classes: Sequence[str], probabilities: np.ndarray, layout: Layout) -> None:
    """Draw names, bars and percentages of the most probable classes, in their order, over `panel`, darkened."""
    panel //= 3
    left = 2 * layout.pad + layout.names
    for row, label in enumerate(np.sort(np.argsort(-probabilities, kind="stable")[: layout.rows])):
        probability, top = probabilities[label], row * layout.row + layout.pad // 2
        end = left + max(1, round(layout.bars * float(probability)))
        panel[top + layout.pad // 2 : top + layout.row - layout.pad // 2, left:end] = colour_of(int(label))
        for text, x in (
            (shortened(classes[label], MAX_LETTERS), layout.pad),
            (percent(probability), left + layout.bars + layout.pad),
        ):
            at = x, top + layout.base
            cv2.putText(panel, text, at, FONT, layout.scale, PAPER, layout.thickness, cv2.LINE_AA)


def _within(start: int, length: int, limit: int) -> int:
    """Return the start nearest to the wanted one at which `length` fits between 0 and the limit."""
    return max(0, min(start, limit - length))
