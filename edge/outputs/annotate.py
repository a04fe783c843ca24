"""Draw results over a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.faces.results import FaceResult, FrameResult
from edge.outputs.palette import INK, PAPER, colour_of
from edge.outputs.panel import FONT, Area, draw_panel, panel_layout, percent, place_panel

SMALLEST = 8
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


def annotate(result: FrameResult, status: str = "", canvas: np.ndarray | None = None) -> np.ndarray:
    """Draw a box, a label and a panel of probabilities for each face, and a status line if there is space.

    Args:
        result: result of a frame; its picture is not changed.
        status: text of the status line.
        canvas: a picture that is no longer needed, reused if it has the frame's size.

    Returns:
        The canvas, or a new picture: uint8 BGR, of the frame's size.
    """
    image = result.frame.image
    picture = canvas if canvas is not None and canvas.shape == image.shape else np.empty_like(image)
    np.copyto(picture, image)
    frame = Area(0, 0, result.frame.width, result.frame.height)
    unit = max(0.75, min(frame.width, frame.height) / 720)
    faces = [(face, box) for face in result.faces if (box := _box(face)).shared(frame)]
    tags = [_tag(face, box, frame, unit) for face, box in faces]
    line = _measured(status, frame.width, unit)
    corner = _free_corner(line, frame, [_area(*tag) for tag in tags])
    _draw_panels(picture, faces, [_area(line, corner), *(_area(*tag) for tag in tags)], unit)
    for (face, box), (label, at) in zip(faces, tags, strict=True):
        colour = colour_of(face.label)
        cv2.rectangle(picture, (box.left, box.top), (box.right, box.bottom), colour, max(1, round(2 * unit)))
        area = _area(label, at)
        cv2.rectangle(picture, (area.left, area.top), (area.right - 1, area.bottom - 1), colour, cv2.FILLED)
        _write(picture, label, at, INK)
    if status and SMALLEST * line.height <= frame.height:
        area = _area(line, corner)
        picture[area.top : area.bottom, area.left : area.right] //= 3
        _write(picture, line, corner, PAPER)
    return picture


def _draw_panels(
    picture: np.ndarray, faces: Sequence[tuple[FaceResult, Area]], texts: Sequence[Area], unit: float
) -> None:
    """Draw a panel near each face with space for one, in the order of ids so that panels keep their places."""
    height, width = picture.shape[:2]
    frame, gap = Area(0, 0, width, height), round(6 * unit)
    boxes, taken = [box for _, box in faces], list(texts)
    for face, box in sorted(faces, key=lambda pair: pair[0].id):
        layout = panel_layout(unit, face.classes)
        place = place_panel(layout, box, frame, gap, boxes, taken)
        if place:
            draw_panel(picture, face, layout, place)
            taken.append(place)


def _tag(face: FaceResult, box: Area, frame: Area, unit: float) -> tuple[Line, tuple[int, int]]:
    """Return a face's label and its top left corner, above the box or, without space there, inside it."""
    shown = f"{face.emotion} {percent(face.confidence)}" if face.emotion else face.reason
    line = _measured(f"#{face.id} {shown}", frame.width, unit)
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


def _write(picture: np.ndarray, line: Line, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    place = at[0], at[1] + line.height - line.base
    cv2.putText(picture, line.text, place, FONT, line.scale, colour, line.thickness, cv2.LINE_AA)


def _box(face: FaceResult) -> Area:
    x, y, w, h = face.box
    return Area(round(x), round(y), round(x) + round(w), round(y) + round(h))
