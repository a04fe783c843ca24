"""Draw results over a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.base.geometry import Area
from edge.faces.results import FaceResult, FrameResult
from edge.outputs.palette import INK, PAPER, colour_of
from edge.outputs.panel import FONT, draw_panel, panel_layout, place_panel
from edge.sources.pixels import BgrPixels, Pixels

MIN_STATUS_LINES = 8
"""Least height of a picture with a status line, in lines of text."""


@dataclass(frozen=True)
class Line:
    """A line of text and its size.

    Attributes:
        text: the text.
        scale, thickness: font size and stroke.
        width, height: pixels, with some space above and below.
        base: distance of the baseline from the bottom, pixels.
    """

    text: str
    scale: float
    thickness: int
    width: int
    height: int
    base: int


def annotate(result: FrameResult, status: str = "") -> np.ndarray:
    """Return a copy of the picture, uint8 BGR, with the results drawn over it."""
    picture = BgrPixels(result.frame.image.copy())
    draw(result, status, picture)
    return picture.bgr()


def draw(result: FrameResult, status: str, picture: Pixels) -> None:
    """Draw a box and a label for each face, a panel of its probabilities, and a status line, as far as there is space.

    Args:
        result: result of a frame; its picture is not changed.
        status: text of the status line.
        picture: a copy of the frame's picture, which is drawn on.
    """
    frame = Area(0, 0, result.frame.width, result.frame.height)
    unit = max(0.75, min(frame.width, frame.height) / 720)
    faces = [(face, box) for face in result.faces if (box := _box(face)).shared(frame)]
    tags = [_tag(face, box, frame, unit) for face, box in faces]
    line = _measured(status, frame.width, unit)
    corner = _free_corner(line, frame, [_area(*tag) for tag in tags])
    _draw_panels(picture, faces, [_area(line, corner), *(_area(*tag) for tag in tags)], unit)
    for (face, box), (label, at) in zip(faces, tags, strict=True):
        colour = colour_of(face.label)
        _draw_box(picture, box, colour, max(1, round(2 * unit)))
        with picture.drawing(_area(label, at).within(*frame.size)) as ground:
            ground[:] = colour
            _write(ground, label, INK)
    if status and MIN_STATUS_LINES * line.height <= frame.height:
        with picture.drawing(_area(line, corner).within(*frame.size)) as ground:
            ground //= 3
            _write(ground, line, PAPER)


def _draw_panels(picture: Pixels, faces: Sequence[tuple[FaceResult, Area]], texts: Sequence[Area], unit: float) -> None:
    """Draw a panel near each face that was read and has space for one.

    They are drawn in the order of ids, so that they keep their places.
    """
    frame, gap = Area(0, 0, picture.width, picture.height), round(6 * unit)
    boxes, taken = [box for _, box in faces], list(texts)
    for face, box in sorted(faces, key=lambda pair: pair[0].id):
        if face.probabilities is None:
            continue
        layout = panel_layout(unit, face.classes)
        place = place_panel(layout, box, frame, gap, boxes, taken)
        if place:
            with picture.drawing(place) as panel:
                draw_panel(panel, face.classes, face.probabilities, layout)
            taken.append(place)


def _draw_box(picture: Pixels, box: Area, colour: tuple[int, int, int], thickness: int) -> None:
    """Draw the four sides, each on its own: the inside is large, and need not be converted."""
    left, top, right, bottom = box.left - thickness, box.top - thickness, box.right + thickness, box.bottom + thickness
    for side in (
        Area(left, top, right, box.top + thickness),
        Area(left, box.bottom - thickness, right, bottom),
        Area(left, top, box.left + thickness, bottom),
        Area(box.right - thickness, top, right, bottom),
    ):
        seen = side.within(picture.width, picture.height)
        if seen.shared(side):
            with picture.drawing(seen) as part:
                corner, other = (
                    (box.left - seen.left, box.top - seen.top),
                    (box.right - seen.left, box.bottom - seen.top),
                )
                cv2.rectangle(part, corner, other, colour, thickness)


def _tag(face: FaceResult, box: Area, frame: Area, unit: float) -> tuple[Line, tuple[int, int]]:
    """Return a face's label and its top left corner, above the box or, without space there, inside it."""
    line = _measured(f"#{face.id} {face.caption}", frame.width, unit)
    above = box.top - line.height
    x = max(0, min(box.left, frame.width - line.width))
    y = above if above >= 0 else max(0, min(box.top, frame.height - line.height))
    return line, (x, y)


def _free_corner(line: Line, frame: Area, tags: Sequence[Area]) -> tuple[int, int]:
    """Return the first corner without a face's label for the status line, beginning with the upper left one."""
    right, low = max(0, frame.width - line.width), max(0, frame.height - line.height)
    corners = (0, 0), (0, low), (right, 0), (right, low)
    return min(corners, key=lambda corner: sum(map(_area(line, corner).shared, tags)))


def _measured(text: str, width: int, unit: float) -> Line:
    """Return a line of text in the usual size, or smaller to fit into the picture."""
    thickness = max(1, round(unit))
    (wide, _), _ = cv2.getTextSize(text, FONT, 0.6 * unit, thickness)
    scale = 0.6 * unit * min(1.0, max(1, width - 4) / max(1, wide))  # some letters are wider than their stated width
    (wide, high), base = cv2.getTextSize(text, FONT, scale, thickness)
    return Line(text, scale, thickness, min(wide, width), high + base + 2, base)


def _area(line: Line, at: tuple[int, int]) -> Area:
    return Area(at[0], at[1], at[0] + line.width, at[1] + line.height)


def _write(ground: np.ndarray, line: Line, colour: tuple[int, int, int]) -> None:
    place = 0, line.height - line.base
    cv2.putText(ground, line.text, place, FONT, line.scale, colour, line.thickness, cv2.LINE_AA)


def _box(face: FaceResult) -> Area:
    x, y, w, h = face.box
    return Area(round(x), round(y), round(x) + round(w), round(y) + round(h))
