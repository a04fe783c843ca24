"""Draws results over a frame."""

import cv2
import numpy as np

from edge.emotions import EMOTIONS
from edge.results import FaceResult, FrameResult

# Okabe and Ito's palette, which people with any colour vision can tell apart; BGR, in the order of EMOTIONS.
COLOURS = (
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (66, 228, 240),
    (200, 200, 200),
    (233, 180, 86),
    (0, 159, 230),
)
UNSURE = (150, 150, 150)
INK = (20, 20, 20)
PAPER = (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(result: FrameResult, status: str = "") -> np.ndarray:
    """The frame with a box, label and seven bars for each face, and a status line.

    Returns:
        A new picture, uint8 BGR, of the frame's size.
    """
    picture = result.frame.image.copy()
    unit = max(0.75, min(result.frame.width, result.frame.height) / 720)
    for face in result.faces:
        _draw_face(picture, face, unit)
    if status:
        _text(picture, status, (round(8 * unit), round(22 * unit)), unit, PAPER)
    return picture


def _draw_face(picture: np.ndarray, face: FaceResult, unit: float) -> None:
    x, y, w, h = (round(v) for v in face.box)
    colour = UNSURE if face.label is None else COLOURS[face.label]
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, max(1, round(2 * unit)))
    label = f"#{face.id} {face.emotion or face.reason} {face.confidence:.0%}"
    _tag(picture, label, (x, y), unit, colour)
    _draw_bars(picture, face, (x + w + round(6 * unit), y), unit)


def _tag(picture: np.ndarray, text: str, corner: tuple[int, int], unit: float, colour: tuple[int, int, int]) -> None:
    """Dark text on the colour of the emotion, above the box, or inside it where there is no room above."""
    (width, height), base = cv2.getTextSize(text, FONT, 0.6 * unit, max(1, round(unit)))
    x = max(0, min(corner[0], picture.shape[1] - width))
    y = corner[1] if corner[1] >= height + base + 2 else corner[1] + height + base + 2
    cv2.rectangle(picture, (x, y - height - base - 2), (x + width, y), colour, cv2.FILLED)
    cv2.putText(picture, text, (x, y - base), FONT, 0.6 * unit, INK, max(1, round(unit)), cv2.LINE_AA)


def _draw_bars(picture: np.ndarray, face: FaceResult, corner: tuple[int, int], unit: float) -> None:
    """Seven names on a dark panel, each with its bar to the right."""
    row, names, length = round(16 * unit), round(62 * unit), round(70 * unit)
    x, y = corner
    bottom, right = max(0, y + len(EMOTIONS) * row), max(0, x + names + length)
    picture[max(0, y) : bottom, max(0, x) : right] //= 3
    for i, (name, probability) in enumerate(zip(EMOTIONS, face.probabilities, strict=True)):
        top, left = y + i * row, x + names
        end = left + max(1, round(length * float(probability)))
        cv2.rectangle(picture, (left, top + 1), (end, top + row - 2), COLOURS[i], cv2.FILLED)
        cv2.putText(picture, name, (x + 3, top + row - 4), FONT, 0.42 * unit, PAPER, max(1, round(unit)), cv2.LINE_AA)


def _text(picture: np.ndarray, text: str, at: tuple[int, int], unit: float, colour: tuple[int, int, int]) -> None:
    """Light text with a dark rim, readable on anything."""
    thickness = max(1, round(unit))
    cv2.putText(picture, text, at, FONT, 0.6 * unit, INK, thickness + 2, cv2.LINE_AA)
    cv2.putText(picture, text, at, FONT, 0.6 * unit, colour, thickness, cv2.LINE_AA)
