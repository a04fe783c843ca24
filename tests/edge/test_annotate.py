"""What is drawn over a frame."""

import numpy as np
import pytest

from edge.annotate import COLOURS, UNSURE, annotate
from edge.emotions import EMOTIONS

from .stand_ins import face, picture, result

BOX = (100, 150, 120, 160)


def drawn(*faces, image=None, status=""):
    return annotate(result(0, *faces, image=picture(width=640, height=480) if image is None else image), status)


def pixels_of(image, colour):
    return int((image == np.array(colour, np.uint8)).all(axis=2).sum())


def test_a_colour_for_each_class():
    assert len(set(COLOURS)) == len(EMOTIONS)
    assert UNSURE not in COLOURS


def test_the_frame_itself_is_not_drawn_on():
    image = picture(width=640, height=480)
    picture_ = annotate(result(0, face(box=BOX), image=image), "status")
    assert (image == 90).all()
    assert (picture_.shape, picture_.dtype) == (image.shape, np.uint8)
    assert (picture_ != image).any()


def test_without_faces_and_status_nothing_is_drawn():
    assert (drawn() == 90).all()


@pytest.mark.parametrize("label", [*range(7), None])
def test_the_box_has_the_colour_of_its_label(label):
    x, y, w, h = BOX
    picture_ = drawn(face(label, box=BOX))
    colour = UNSURE if label is None else COLOURS[label]
    for at in ((y + h // 2, x), (y + h, x + w // 2), (y + h, x + 1), (y + h, x + w - 1)):
        assert tuple(picture_[at]) == colour
    assert (picture_[y + 30 : y + h - 30, x + 30 : x + w - 30] == 90).all(), "the face stays visible"


def test_bars_grow_with_the_probability():
    def green(probability):
        image = drawn(face(None, probability, box=BOX))
        return pixels_of(image[:, BOX[0] + BOX[2] + 3 :], COLOURS[3])

    lengths = [green(p) for p in (0.15, 0.4, 0.7, 1.0)]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 4


def test_all_seven_bars_are_there():
    image = drawn(face(3, 0.4, box=BOX))[:, BOX[0] + BOX[2] + 3 :]
    assert all(pixels_of(image, colour) for colour in COLOURS)


def test_two_faces_are_both_drawn():
    image = drawn(face(3, box=BOX), face(5, box=(400, 200, 80, 100), number=2))
    assert tuple(image[BOX[1] + 80, BOX[0]]) == COLOURS[3]
    assert tuple(image[250, 400]) == COLOURS[5]


def test_the_label_stands_above_the_box_or_inside_it_where_there_is_no_room():
    def label_rows(y):
        image = drawn(face(3, box=(100, y, 120, 160)))
        rows = np.flatnonzero((image[: y + 60, 103:115] == COLOURS[3]).all(axis=2).sum(axis=1) >= 6)
        return rows.min(), rows.max()

    assert label_rows(150)[0] < 145
    top, bottom = label_rows(0)
    assert top == 0
    assert bottom > 8


def test_the_status_is_drawn_at_the_top():
    image = drawn(status="12 ms")
    assert (image[:40] != 90).any()
    assert (image[60:] == 90).all()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-50, -60, 120, 160), id="over the corner"),
        pytest.param((600, 440, 200, 200), id="over the other corner"),
        pytest.param((5000, 5000, 10, 10), id="far outside"),
        pytest.param((10.4, 20.6, 30.5, 40.49), id="between pixels"),
        pytest.param((10, 10, 0, 0), id="without area"),
        pytest.param((0, 0, 640, 480), id="all of it"),
    ],
)
def test_any_box_can_be_drawn(box):
    assert drawn(face(box=box)).shape == (480, 640, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 12), (48, 48), (1920, 1080)])
def test_frames_of_any_size_can_be_drawn_on(width, height):
    image = picture(width=width, height=height)
    assert drawn(face(box=(0, 0, width, height)), image=image, status="status").shape == image.shape
