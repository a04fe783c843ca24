"""Detectors on a portrait with one face, and on pictures without any."""

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.faces import detector
from edge.faces.detector import DETECTORS, Haar, YuNet, open_detector, shrink

from ..stand_ins import picture

FACE = (180, 62, 90, 112)  # x, y, w, h in the portrait, within a few pixels


@pytest.fixture(scope="module")
def finder(yunet):
    return YuNet(yunet, 320, 0.6)


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_one_face_with_its_landmarks_inside(finder, portrait):
    (found,) = finder.detect(portrait)
    assert found.box == pytest.approx(FACE, abs=12)
    assert 0.8 < found.score <= 1
    x, y, w, h = found.box
    assert len(found.landmarks) == 5
    assert all(x < point.real < x + w and y < point.imag < y + h for point in found.landmarks)


def test_landmarks_come_in_the_order_of_the_template(finder, portrait):
    right_eye, left_eye, nose, right_mouth, left_mouth = finder.detect(portrait)[0].landmarks
    assert right_eye.real < left_eye.real, "the person's right is on the picture's left"
    assert right_mouth.real < left_mouth.real
    assert max(right_eye.imag, left_eye.imag) < nose.imag < min(right_mouth.imag, left_mouth.imag)


@pytest.mark.parametrize("factor", [0.6, 2, 3.5])
def test_coordinates_are_those_of_the_picture_at_any_size(finder, portrait, factor):
    (found,) = finder.detect(cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    (expected,) = finder.detect(portrait)
    assert np.array(found.box) / factor == pytest.approx(np.array(expected.box), abs=6)
    assert np.array(found.landmarks) / factor == pytest.approx(np.array(expected.landmarks), abs=6)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (300, 40), (90, 500)])
def test_coordinates_move_with_the_face_and_do_not_depend_on_the_pictures_shape(finder, portrait, dx, dy):
    image = picture((120, 120, 120), 512 + dx, 512 + dy)
    image[dy:, dx:] = portrait
    (found,) = finder.detect(image)
    assert np.array(found.box) - (dx, dy, 0, 0) == pytest.approx(np.array(FACE), abs=12)


def test_the_surest_comes_first(finder, portrait):
    dim = cv2.GaussianBlur(portrait, (0, 0), 7) // 2
    for pair in ([dim, portrait], [portrait, dim]):
        found = finder.detect(np.hstack(pair))
        assert len(found) == 2
        assert found[0].score > found[1].score
        assert (found[0].box[0] > 512) == (pair[1] is portrait)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(noise(640, 480), id="noise"),
        pytest.param(picture((128, 128, 128), 640, 480), id="flat"),
        pytest.param(picture((0, 0, 0), 320, 320), id="black"),
        pytest.param(picture(width=1, height=1), id="one pixel"),
        pytest.param(picture(width=3, height=2), id="a few pixels"),
        pytest.param(picture(width=2000, height=3), id="a line"),
    ],
)
def test_no_face(finder, image):
    assert finder.detect(image) == []


def test_one_detector_takes_pictures_of_changing_size(finder, portrait):
    for _ in range(2):
        assert finder.detect(noise(200, 100)) == []
        assert len(finder.detect(portrait)) == 1
        assert len(finder.detect(portrait[:400, :300])) == 1


def test_the_threshold_is_the_lowest_score(yunet, portrait):
    assert YuNet(yunet, 320, 0.99).detect(portrait) == []


def test_a_larger_side_finds_smaller_faces(yunet, portrait):
    image = picture((120, 120, 120), 1280, 960)
    image[400:490, 600:690] = cv2.resize(portrait, (90, 90), interpolation=cv2.INTER_AREA)
    assert YuNet(yunet, 160, 0.6).detect(image) == []
    assert len(YuNet(yunet, 1280, 0.6).detect(image)) == 1


@pytest.mark.parametrize(
    ("width", "height", "side", "shape", "scale"),
    [
        pytest.param(640, 480, 320, (240, 320), 0.5, id="wide"),
        pytest.param(480, 640, 320, (320, 240), 0.5, id="high"),
        pytest.param(320, 320, 320, (320, 320), 1, id="fits"),
        pytest.param(100, 50, 320, (50, 100), 1, id="small pictures are not blown up"),
        pytest.param(3200, 4, 320, (1, 320), 0.1, id="never without a pixel"),
    ],
)
def test_shrink(width, height, side, shape, scale):
    image = picture(width=width, height=height)
    small, factor = shrink(image, side)
    assert small.shape == (*shape, 3)
    assert factor == scale
    assert np.shares_memory(small, image) == (scale == 1)


def test_yunet_is_opened_by_its_name(yunet, portrait):
    detector = open_detector("yunet", side=240, threshold=0.5)
    assert isinstance(detector, YuNet)
    assert len(detector.detect(portrait)) == 1


def test_an_unknown_detector_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="hog: no such detector: use one of yunet, haar"):
        open_detector("hog")
    assert DETECTORS == ("yunet", "haar")


def test_haar_finds_the_face_too(portrait):
    try:
        detector = open_detector("haar")
    except UserError as error:
        pytest.skip(error.problem)
    found = detector.detect(portrait)
    assert found[0].box == pytest.approx((175, 65, 105, 105), abs=25)
    assert found[0].landmarks is None
    assert all(0 <= one.score <= 1 for one in found)
    assert detector.detect(picture((128, 128, 128), 640, 480)) == []


def test_haar_where_opencv_has_none_is_the_users_to_put_right(monkeypatch):
    monkeypatch.delattr(detector.cv2, "CascadeClassifier", raising=False)
    with pytest.raises(UserError, match="ships no Haar cascade: use '--detector yunet'"):
        Haar(320, 0.6)
