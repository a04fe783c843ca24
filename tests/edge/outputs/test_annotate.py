"""Drawings over a frame."""

from dataclasses import replace

import numpy as np
import pytest

from edge.outputs.annotate import annotate, draw
from edge.outputs.palette import CLASS_COLOURS, UNSURE
from edge.sources.pixels import BgrPixels, YuvPixels

from ..stand_ins import face, picture, result, unread

BOX = (100, 150, 120, 160)


def drawn(*faces, image=None, status=""):
    return annotate(result(0, *faces, image=picture(width=640, height=480) if image is None else image), status)


def grey_planes(width, height, **options):
    """Planes of a picture that is 90 all over."""
    y, colour = np.empty((height, width), np.uint8), np.empty((2, (height + 1) // 2, (width + 1) // 2), np.uint8)
    planes = YuvPixels(y, *colour, **options)
    planes.fill(BgrPixels(picture(width=width, height=height)))
    return planes


def pixels_of(image, colour):
    return int((image == np.array(colour, np.uint8)).all(axis=2).sum())


def test_the_frame_itself_is_not_drawn_on():
    image = picture(width=640, height=480)
    picture_ = annotate(result(0, face(box=BOX), image=image), "status")
    assert (image == 90).all()
    assert (picture_.shape, picture_.dtype) == (image.shape, np.uint8)
    assert (picture_ != image).any()


@pytest.mark.parametrize("bt709", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (597, 335)])
def test_on_planes_it_is_the_same_drawing(size, bt709):
    faces = [face(label, box=(20 + 150 * label, 61, 90, 117), number=label) for label in range(4)]
    results = result(0, *faces, image=picture(width=size[0], height=size[1]))
    planes = grey_planes(*size, bt709=bt709)
    draw(results, "status", planes)
    difference = np.abs(planes.bgr() - annotate(results, "status").astype(int)).mean(axis=2)
    assert difference.mean() < 2
    assert (difference > 30).mean() < 0.02, "colour has half the resolution"


def test_without_faces_and_status_nothing_is_drawn():
    assert (drawn() == 90).all()


@pytest.mark.parametrize("label", [*range(7), None])
def test_the_box_has_the_colour_of_its_label(label):
    x, y, w, h = BOX
    picture_ = drawn(face(label, box=BOX))
    colour = UNSURE if label is None else CLASS_COLOURS[label]
    for at in ((y + h // 2, x), (y + h, x + w // 2), (y + h, x + 1), (y + h, x + w - 1)):
        assert tuple(picture_[at]) == colour
    assert (picture_[y + 30 : y + h - 30, x + 30 : x + w - 30] == 90).all(), "the face stays visible"


def test_bars_grow_with_the_probability():
    def green(probability):
        image = drawn(face(None, probability, box=BOX))
        return pixels_of(image[:, BOX[0] + BOX[2] + 3 :], CLASS_COLOURS[3])

    lengths = [green(p) for p in (0.15, 0.4, 0.7, 1.0)]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 4


def test_all_seven_bars_are_there():
    image = drawn(face(3, 0.4, box=BOX))[:, BOX[0] + BOX[2] + 3 :]
    assert all(pixels_of(image, colour) for colour in CLASS_COLOURS[:7])


def test_two_faces_are_both_drawn():
    image = drawn(face(3, box=BOX), face(5, box=(400, 200, 80, 100), number=2))
    assert tuple(image[BOX[1] + 80, BOX[0]]) == CLASS_COLOURS[3]
    assert tuple(image[250, 400]) == CLASS_COLOURS[5]


def test_the_label_stands_above_the_box_or_inside_it_where_there_is_no_room():
    def label_rows(y):
        image = drawn(face(3, box=(100, y, 120, 160)))
        rows = np.flatnonzero((image[: y + 60, 103:115] == CLASS_COLOURS[3]).all(axis=2).sum(axis=1) >= 6)
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


@pytest.mark.parametrize(
    ("x", "side"), [pytest.param(100, slice(220, 400), id="right"), pytest.param(500, slice(330, 500), id="or left")]
)
def test_the_panel_stands_where_there_is_room(x, side):
    dark = (drawn(face(box=(x, 150, 120, 160))) < 60).all(axis=2)[155:230]
    columns = np.flatnonzero(dark.sum(axis=0) > 20)
    assert side.start < columns.min() < columns.max() < side.stop
    assert len(columns) > 90


def test_no_panel_covers_another_or_a_label():
    faces = [face(i, box=(10 + 155 * i, 40, 90, 110), number=i) for i in range(4)]
    picture_ = drawn(*faces)
    for i, one in enumerate(faces):
        alone = drawn(one)
        tag = (slice(26, 40), slice(12 + 155 * i, 90 + 155 * i))
        assert (picture_[tag] == alone[tag]).all(), "each label is whole"
    for colour in CLASS_COLOURS[:4]:
        assert pixels_of(picture_[160:], colour) > 200, "each has its bars below"


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480), (1280, 720), (3840, 2160), (2160, 3840)])
def test_text_grows_with_the_picture(width, height):
    image = picture(width=width, height=height)
    box = (width // 3, height // 3, width // 4, height // 4)
    picture_ = drawn(face(3, box=box), image=image)
    tag = (picture_[: box[1] - 4] == np.array(CLASS_COLOURS[3], np.uint8)).all(axis=2)
    rows = tag.any(axis=1).sum()
    assert 10 <= rows <= 30 * max(0.75, min(width, height) / 720)
    assert rows >= 14 * min(width, height) / 720


def test_a_label_that_is_wider_than_the_picture_is_written_smaller():
    image = picture(width=60, height=200)
    tag = drawn(face(6, 1.0, box=(5, 60, 50, 60), number=1234), image=image)[:59]
    ink = (tag < 60).all(axis=2)
    assert ink[:, 45:].any(), "its end is there"
    assert not ink[:, -1].any(), "and not cut off"


def test_a_face_without_a_label_shows_the_reason_alone():
    seen = face(None, 0.3, box=BOX)
    with_reason = drawn(replace(seen, reason="unsure"))
    assert (with_reason == drawn(replace(seen, reason="unsure", score=0.1))).all()
    tags = [drawn(replace(seen, reason=reason))[125:150, 100:300] for reason in ("unsure", "turned")]
    assert (tags[0] != tags[1]).any()
    widths = [pixels_of(tag, UNSURE) for tag in tags]
    labelled = pixels_of(drawn(face(3, box=BOX))[125:150, 100:300], CLASS_COLOURS[3])
    assert widths[0] < labelled, "no percentage follows"


def test_a_face_that_was_not_read_has_its_reason_and_no_panel():
    picture = drawn(unread("turned", box=BOX))
    assert (picture[125:150, 100:300] != 90).any(), "the label says why"
    x, y, w, h = map(int, BOX)
    around = picture.copy()
    around[y - 40 : y + h + 5, x - 5 : x + w + 60] = 90
    assert (around == 90).all()


def test_the_status_makes_room_for_a_label():
    covered = drawn(face(3, box=(0, 0, 120, 160)), status="0:12.3")
    assert (covered[:20, :60] == drawn(face(3, box=(0, 0, 120, 160)))[:20, :60]).all()
    assert (covered[460:, :60] != 90).any()


def test_a_thumbnail_has_no_status():
    image = picture(width=80, height=60)
    assert (drawn(image=image, status="0:12.3") == 90).all()


def test_a_face_outside_of_the_picture_is_not_drawn():
    assert (drawn(face(box=(700, 100, 50, 50)), face(box=(-90, -90, 50, 50))) == 90).all()
