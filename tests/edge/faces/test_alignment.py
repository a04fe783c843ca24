"""Faces land on the template however they are turned, sized and placed."""

import cv2
import numpy as np
import pytest

from edge.faces.alignment import crop_face, face_transform
from edge.faces.detector import Detection
from edge.model.manifest import FaceTemplate
from edge.sources.pixels import BgrPixels

from ..stand_ins import picture

TEMPLATE = FaceTemplate(
    ((0.33, 0.40), (0.67, 0.40), (0.50, 0.58), (0.36, 0.76), (0.64, 0.76)), (0.12, 0.05, 0.76, 0.95)
)
SIZE = 96
CANONICAL = np.array([[-34, -36], [34, -36], [0, 0], [-28, 36], [28, 36]]) * 0.5  # the template about its nose
DOTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


def face_with_dots(degrees, scale, centre, canvas=(900, 700)):
    """A picture of five dots where the landmarks of a turned and scaled face are, and the face as a detection."""
    turn = np.deg2rad(degrees)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks = CANONICAL @ rotation.T + centre
    image = np.zeros((canvas[1], canvas[0], 3), np.uint8)
    for point, colour in zip(landmarks, DOTS, strict=True):
        at = np.round(point * 16).astype(int)
        cv2.circle(image, tuple(map(int, at)), round(max(1.5, 3 * scale) * 16), colour, -1, cv2.LINE_AA, shift=4)
    return image, Detection((0.0, 0.0, 1.0, 1.0), 0.9, as_points(landmarks))


def as_points(places):
    """Rows x, y as complex numbers."""
    return tuple(complex(x, y) for x, y in places)


def centre_of(crop, colour):
    """Centre of gravity of what has a dot's colour."""
    likeness = np.prod(np.where(np.array(colour) > 0, crop / 255.0, 1 - crop / 255.0), axis=2)
    likeness[likeness < 0.5] = 0
    y, x = np.indices(likeness.shape)
    assert likeness.sum() > 0, "the dot is not in the crop"
    return np.array([(x * likeness).sum(), (y * likeness).sum()]) / likeness.sum()


@pytest.mark.parametrize("degrees", [-60, -15, 0, 20, 90, 180])
@pytest.mark.parametrize(
    ("scale", "centre"),
    [
        pytest.param(0.6, (60, 300), id="small"),
        pytest.param(1.0, (450.5, 350.25), id="as large as the crop, between pixels"),
        pytest.param(2.7, (700, 400), id="large"),
        pytest.param(7.0, (450, 350), id="over the whole picture"),
    ],
)
def test_landmarks_land_on_the_template(degrees, scale, centre):
    image, detection = face_with_dots(degrees, scale, centre)
    crop = crop_face(BgrPixels(image), detection, TEMPLATE, SIZE)
    for colour, goal in zip(DOTS, TEMPLATE.landmarks, strict=True):
        found = centre_of(crop[..., ::-1], colour)
        assert np.hypot(*(found - np.array(goal) * SIZE)) < 0.3  # pixels; half of one is easily lost in shrinking


def test_the_landmarks_decide_where_there_are_any():
    image, detection = face_with_dots(10, 1.5, (400, 300))
    elsewhere = Detection((5.0, 5.0, 700.0, 600.0), 0.9, detection.landmarks)
    crops = [crop_face(BgrPixels(image), face, TEMPLATE, SIZE) for face in (detection, elsewhere)]
    assert (crops[0] == crops[1]).all()


@pytest.mark.parametrize(
    ("box", "size"),
    [
        pytest.param((100, 80, 76, 95), 100, id="at the crop's scale"),
        pytest.param((100, 80, 152, 190), 100, id="twice as large"),
        pytest.param((10, 10, 380, 475), 48, id="ten times as large"),
        pytest.param((300, 400, 38, 47.5), 96, id="smaller"),
    ],
)
def test_a_box_lands_on_the_templates_box(box, size):
    image = np.zeros((600, 600, 3), np.uint8)
    x, y, w, h = box
    cv2.rectangle(image, (round(x), round(y)), (round(x + w) - 1, round(y + h) - 1), (255, 255, 255), -1)
    inside = crop_face(BgrPixels(image), Detection(box, 0.9, None), TEMPLATE, size)[..., 0] > 127
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    left, top, width, height = np.array(TEMPLATE.box) * size
    # One pixel of the crop, or of the picture where that is the coarser grid.
    tolerance = 1.1 * max(1, 0.76 * size / w)
    assert np.abs(found - (left, top, left + width, min(size, top + height))).max() <= tolerance


def test_a_box_of_another_shape_keeps_its_centre_and_area():
    transform = face_transform(Detection((100, 50, 80, 80), 0.9, None), TEMPLATE, SIZE).matrix()
    left, top, width, height = np.array(TEMPLATE.box) * SIZE
    assert transform @ (140, 90, 1) == pytest.approx((left + width / 2, top + height / 2))
    assert transform[0, 0] ** 2 * 80 * 80 == pytest.approx(width * height)
    assert transform[0, 0] == transform[1, 1]
    assert transform[0, 1] == transform[1, 0] == 0


@pytest.mark.parametrize("side", [200, 350, 610, 990])
def test_shrinking_averages_instead_of_skipping_pixels(side):
    checkerboard = np.indices((1000, 1000)).sum(axis=0) % 2 * 255
    image = np.repeat(checkerboard[..., None], 3, axis=2).astype(np.uint8)
    crop = crop_face(BgrPixels(image), Detection((5, 5, side, side), 0.9, None), TEMPLATE, 48)
    assert crop.mean() == pytest.approx(127.5, abs=3)
    assert crop.std() < 26, "a sampled checkerboard has 127"


def test_what_is_outside_the_picture_repeats_its_edge():
    image = picture((10, 20, 30), 64, 48)
    crop = crop_face(BgrPixels(image), Detection((40, 30, 40, 50), 0.9, None), TEMPLATE, SIZE)
    assert (crop == (30, 20, 10)).all()


def test_crops_are_rgb():
    image = picture((0, 0, 255))  # red, in OpenCV's order
    crop = crop_face(BgrPixels(image), Detection((10, 10, 20, 20), 0.9, None), TEMPLATE, SIZE)
    assert (crop.shape, crop.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert (crop == (255, 0, 0)).all()


def test_the_picture_is_left_alone():
    image, detection = face_with_dots(10, 1.5, (400, 300))
    before = image.copy()
    crop_face(BgrPixels(image), detection, TEMPLATE, SIZE)
    assert (image == before).all()


@pytest.mark.parametrize("place", [(50.0, 50.0), (-500.0, 20.0), (99.0, 5000.0)])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 400.0])
def test_senseless_landmarks_give_some_crop(place, spread):
    landmarks = as_points(CANONICAL * spread + place)
    crop = crop_face(BgrPixels(picture((10, 20, 30), 100, 80)), Detection((0, 0, 9, 9), 0.9, landmarks), TEMPLATE, 48)
    assert (crop == (30, 20, 10)).all()
