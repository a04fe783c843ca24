"""Place and content of the panel of probabilities."""

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.geometry import Area
from edge.outputs.palette import CLASS_COLOURS
from edge.outputs.panel import Layout, draw_panel, panel_layout, percent, place_panel

from ..stand_ins import likely, wandering

FRAME = Area(0, 0, 640, 480)
PANEL = Layout(scale=0.4, thickness=1, row=10, base=8, pad=2, names=40, bars=50, figures=20, rows=7)
"""118 pixels wide, 72 high."""
GAP = 6


def place(box, *others, texts=(), frame=FRAME):
    return place_panel(PANEL, box, frame, GAP, [box, *others], texts)


def at(x, y):
    return Area(x, y, x + PANEL.width, y + PANEL.height)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param(Area(100, 100, 200, 220), at(206, 100), id="right"),
        pytest.param(Area(500, 100, 600, 220), at(376, 100), id="left where there is no room on the right"),
        pytest.param(Area(100, 440, 200, 500), at(206, 408), id="higher where it would end below the picture"),
        pytest.param(Area(100, -50, 200, 50), at(206, 0), id="lower where it would begin above"),
        pytest.param(Area(50, 100, 590, 300), at(50, 306), id="below where there is room on neither side"),
        pytest.param(Area(50, 120, 590, 470), at(50, 24), id="above where there is none below either"),
        pytest.param(Area(20, 20, 620, 470), at(20, 398), id="over the face where nothing else is left"),
        pytest.param(Area(-100, -100, 900, 900), at(0, 408), id="within the picture even then"),
    ],
)
def test_it_goes_where_there_is_room(box, expected):
    assert place(box) == expected


def test_it_goes_where_it_covers_no_other_face():
    box = Area(200, 100, 300, 220)
    assert place(box, Area(330, 100, 430, 220)) == at(76, 100)


def test_it_covers_no_text():
    box = Area(0, 0, 640, 480)
    assert place(box, texts=[Area(0, 470, 80, 480)]) == at(640 - PANEL.width, 408)
    assert place(box, texts=[FRAME]) is None


@pytest.mark.parametrize("frame", [Area(0, 0, 117, 480), Area(0, 0, 640, 71), Area(0, 0, 1, 1)])
def test_a_picture_that_is_smaller_has_none(frame):
    assert place(Area(0, 0, 50, 50), frame=frame) is None


@pytest.mark.parametrize("seed", range(20))
def test_it_is_never_off_the_picture_nor_over_a_text(seed):
    generator = np.random.default_rng(seed)
    for _ in range(50):
        corners = generator.integers(-200, 800, (6, 2))
        sizes = generator.integers(0, 500, (6, 2))
        boxes = [Area(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners.tolist(), sizes.tolist(), strict=True)]
        found = place(boxes[0], *boxes[1:4], texts=boxes[4:])
        if found:
            assert (found.width, found.height) == (PANEL.width, PANEL.height)
            assert found.shared(FRAME) == found.width * found.height
            assert not any(found.shared(text) for text in boxes[4:])


@pytest.mark.parametrize("unit", [0.75, 1.0, 1.5, 3.0])
def test_columns_have_room_for_what_is_in_them(unit):
    layout = panel_layout(unit, EMOTIONS)
    assert layout.width < 230 * unit
    assert layout.height < 120 * unit
    picture = np.full((layout.height + 20, layout.width + 20, 3), 90, np.uint8)
    draw_panel(picture[10:-10, 10:-10], EMOTIONS, likely(3, 1.0), layout)
    inner = picture[10:-10, 10:-10].copy()
    picture[10:-10, 10:-10] = 90
    assert (picture == 90).all(), "nothing is drawn outside"
    left = 2 * layout.pad + layout.names
    white = (inner > 200).all(axis=2)
    assert white[:, : layout.names + layout.pad].any()
    assert white[:, left + layout.bars + layout.pad :].any()
    assert not white[:, left - layout.pad // 2 : left + layout.bars].any(), "no text in the column of the bars"
    assert not white[:, -1].any(), "no text is cut off"


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.5, 1.0])
def test_a_bar_is_as_long_as_its_figure_says(probability):
    picture = np.zeros((PANEL.height, PANEL.width, 3), np.uint8)
    draw_panel(picture, EMOTIONS, likely(3, probability), PANEL)
    assert (picture == CLASS_COLOURS[3]).all(axis=2).sum(axis=1).max() == max(1, round(50 * probability))


def test_percentages_are_those_of_python():
    values = wandering(np.random.default_rng(0), 50).ravel()
    assert [percent(v) for v in values] == [f"{round(100 * float(v))}%" for v in values]
    assert len(EMOTIONS) * 50 == len(values)
