"""Draw a face that plays five emotions: pictures of the docs need a face, and photographs belong to somebody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import comb, cos, pi, sin

import cv2
import numpy as np

from edge.base.geometry import Point

DRAWING_WIDTH, DRAWING_HEIGHT, DRAWING_FPS = 640, 480, 25
HOLD, CHANGE = 2.0, 0.4
"""Seconds of each expression, and of the change to the next at its end."""

OVERSAMPLING = 3
SKIN, SHADE, HAIR, LIP, MOUTH = (150, 180, 225), (120, 150, 200), (40, 50, 70), (90, 90, 190), (40, 30, 70)
CLOTH, WALL, WHITE, IRIS, BLACK = (140, 90, 60), (120, 110, 100), (245, 245, 245), (60, 50, 40), (10, 10, 10)
"""Colours, BGR."""


@dataclass(frozen=True)
class Expression:
    """Positions of the parts of the face; 0 is neutral.

    Attributes:
        smile: corners of the mouth, -1 down to 1 up.
        mouth: how far it is open, 0 to 1.
        brows: height of both eyebrows, pixels.
        frown: how much lower their inner ends are, pixels.
        eyes: height of the eyes; 1 is normal.
        wrinkles: strength of the wrinkles beside the nose, 0 to 1.
    """

    smile: float = 0.0
    mouth: float = 0.0
    brows: float = 0.0
    frown: float = 0.0
    eyes: float = 1.0
    wrinkles: float = 0.0


PLAY = (
    Expression(),
    Expression(smile=1, mouth=0.35, brows=2, eyes=0.8),
    Expression(smile=-0.1, mouth=1.1, brows=14, eyes=1.5),
    Expression(smile=-0.5, brows=-9, frown=12, eyes=0.7, wrinkles=1),
    Expression(smile=-0.8, brows=2, frown=-10, eyes=0.75),
)
"""Neutral, happy, surprise, angry, sad."""


def frames() -> Iterator[np.ndarray]:
    """Yield one round of the play, uint8 BGR `[480, 640, 3]`."""
    for number in range(round(len(PLAY) * HOLD * DRAWING_FPS)):
        yield draw(_expression_at(number / DRAWING_FPS), _sway(number / DRAWING_FPS))


def draw(expression: Expression, centre: Point = (DRAWING_WIDTH / 2, DRAWING_HEIGHT / 2)) -> np.ndarray:
    """Draw the face with the middle of its nose at `centre`."""
    pen = _Pen(centre)
    _head(pen)
    for side in (-1, 1):
        _eye(pen, side, expression)
        if expression.wrinkles > 0.3:
            _wrinkles(pen, side)
    pen.line(SHADE, 3, (-2, -10), (-16, 24), (4, 26))
    _mouth(pen, expression)
    return cv2.resize(pen.canvas, (DRAWING_WIDTH, DRAWING_HEIGHT), interpolation=cv2.INTER_AREA)


def _expression_at(seconds: float) -> Expression:
    """Return the expression at a time, between two of the play while it changes."""
    number, elapsed = divmod(seconds, HOLD)
    now, following = PLAY[int(number)], PLAY[(int(number) + 1) % len(PLAY)]
    share = max(0.0, (elapsed - HOLD + CHANGE) / CHANGE)
    share = (1 - cos(pi * share)) / 2
    mixed = {f.name: (1 - share) * getattr(now, f.name) + share * getattr(following, f.name) for f in fields(now)}
    return Expression(**mixed)


def _sway(seconds: float) -> Point:
    turn = 2 * pi * seconds / (len(PLAY) * HOLD)
    return DRAWING_WIDTH / 2 + 50 * sin(turn), DRAWING_HEIGHT / 2 - 5 + 12 * sin(2 * turn)


class _Pen:
    """Draws shapes whose points are relative to the centre of the face."""

    def __init__(self, centre: Point) -> None:
        self._centre = np.array(centre)
        self.canvas = np.full((DRAWING_HEIGHT * OVERSAMPLING, DRAWING_WIDTH * OVERSAMPLING, 3), WALL, np.uint8)

    def ellipse(self, colour: Sequence[int], x: float, y: float, width: float, height: float) -> None:
        centre = np.round((self._centre + np.array((x, y))) * OVERSAMPLING).astype(int)
        axes = round(width * OVERSAMPLING), round(height * OVERSAMPLING)
        cv2.ellipse(self.canvas, centre.tolist(), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    def line(self, colour: Sequence[int], thickness: float, *points: Point) -> None:
        """Draw the Bézier curve of the points."""
        cv2.polylines(self.canvas, [self._curve(points)], False, colour, round(thickness * OVERSAMPLING), cv2.LINE_AA)

    def area(self, colour: Sequence[int], *curves: Sequence[Point]) -> None:
        """Fill the area between Bézier curves, each of which begins where the one before ends."""
        cv2.fillPoly(self.canvas, [np.concatenate([self._curve(points) for points in curves])], colour, cv2.LINE_AA)

    def _curve(self, points: Sequence[Point]) -> np.ndarray:
        t, degree = np.linspace(0, 1, 40)[:, None], len(points) - 1
        curve = sum(comb(degree, i) * (1 - t) ** (degree - i) * t**i * np.array(p) for i, p in enumerate(points))
        return np.round((self._centre + curve) * OVERSAMPLING).astype(np.int32)


def _head(pen: _Pen) -> None:
    pen.ellipse(CLOTH, 0, 260, 150, 110)
    pen.ellipse(HAIR, 0, -22, 98, 118)
    pen.area(SHADE, [(-34, 70), (-34, 170)], [(34, 170), (34, 70)])
    for side in (-1, 1):
        pen.ellipse(SHADE, side * 84, 5, 12, 22)
    pen.ellipse(SKIN, 0, 0, 82, 110)
    pen.area(HAIR, [(-86, -30), (-74, -160), (74, -160), (86, -30)], [(86, -30), (50, -80), (-20, -80), (-86, -30)])


def _eye(pen: _Pen, side: int, expression: Expression) -> None:
    x, y, open_ = side * 34, -18, expression.eyes
    pen.ellipse(WHITE, x, y, 17, 10 * open_)
    pen.ellipse(IRIS, x, y, 7.5, min(7.5, 10 * open_))
    pen.ellipse(BLACK, x, y, 3.5, min(3.5, 9 * open_))
    pen.ellipse(WHITE, x + 2, y - 2, 1.5, 1.5)
    pen.line(HAIR, 3, (x - 19, y + 2), (x, y - 16 * open_ - 3), (x + 19, y + 2))
    inner = x - side * 20, y - 22 - expression.brows + expression.frown
    outer = x + side * 22, y - 22 - expression.brows - 0.3 * expression.frown
    pen.line(HAIR, 6, inner, (x, y - 32 - expression.brows), outer)


def _wrinkles(pen: _Pen, side: int) -> None:
    pen.line(SHADE, 3, (side * 18, 18), (side * 34, 30), (side * 36, 52))
    pen.line(SHADE, 2, (side * 5, -36), (side * 4, -30), (side * 6, -24))


def _mouth(pen: _Pen, expression: Expression) -> None:
    smile, open_, y = expression.smile, expression.mouth, 58
    width = 34 + 6 * max(0, smile)
    left, right = (-width, y - 14 * smile), (width, y - 14 * smile)
    upper = [left, (-10, y + 4 * smile - 12 * open_ - 2), (10, y + 4 * smile - 12 * open_ - 2), right]
    lower = [right, (14, y + 16 * smile + 40 * open_ + 8), (-14, y + 16 * smile + 40 * open_ + 8), left]
    pen.area(LIP, upper, lower)
    if open_ < 0.05:
        pen.line(MOUTH, 2, left, (0, y + 10 * smile + 2), right)
        return
    upper, lower = ([(0.82 * px, y + 0.82 * (py - y) + 1) for px, py in points] for points in (upper, lower))
    pen.area(MOUTH, upper, lower)
    if smile > 0:  # teeth
        below = [(px, py + 14 * smile) for px, py in (upper[2], upper[1])]
        pen.area(WHITE, upper, [upper[3], *below, upper[0]])
