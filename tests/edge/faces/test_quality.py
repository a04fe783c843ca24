"""Faces that cannot be judged are known by their size, their turn and their blur."""

import cv2
import numpy as np
import pytest

from edge.base.settings import Quality
from edge.faces.alignment import crop_face
from edge.faces.detector import Detection, open_detector
from edge.faces.quality import NOSE, is_blurred, sharpness, shortcoming, turn
from edge.model.manifest import FaceTemplate
from edge.sources.pixels import BgrPixels

from ..conftest import FACE_TEMPLATE
from ..stand_ins import with_landmarks

SHARP = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
FLAT = np.full((48, 48, 3), 90, np.uint8)
NEEDS = Quality(min_face_size=24, min_sharpness=0.02, max_turn=50)


def head(yaw, tilt=0.0):
    """Landmarks of a head that is turned to its left by `yaw` degrees and tilted by `tilt`, eyes 30 pixels apart."""
    yaw, tilt = np.radians(yaw), np.radians(tilt)
    space = np.array([(-15, 0, 0), (15, 0, 0), (0, 18, 30 * NOSE), (-11, 36, 0), (11, 36, 0)], float)
    x = space[:, 0] * np.cos(yaw) + space[:, 2] * np.sin(yaw)
    y = space[:, 1]
    return ((x + 1j * y) * np.exp(1j * tilt) + 50 + 50j).tolist()


@pytest.mark.parametrize("tilt", [-30, 0, 20])
@pytest.mark.parametrize("yaw", [-60, -20, 0, 35, 70])
def test_turn_is_an_angle_whatever_the_tilt(yaw, tilt):
    assert turn(head(yaw, tilt)) == pytest.approx(yaw, abs=0.1)


def test_eyes_at_one_place_are_turned_away():
    landmarks = head(0)
    landmarks[1] = landmarks[0]
    assert np.isfinite(turn(landmarks))


def test_sharpness_falls_with_blur_and_not_with_light():
    blurred = [sharpness(cv2.GaussianBlur(SHARP, (0, 0), sigma)) for sigma in (0.5, 0.7, 1, 2)]
    assert sharpness(SHARP) > blurred[0] > blurred[1] > blurred[2] > blurred[3]
    assert sharpness(SHARP // 2) == pytest.approx(sharpness(SHARP), rel=0.05)


def test_a_flat_picture_has_no_sharpness():
    assert sharpness(FLAT) == 0


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(with_landmarks(0, 0, 30), None, id="fit"),
        pytest.param(with_landmarks(0, 0, 23), "small", id="small"),
        pytest.param(Detection((0, 0, 30, 40), 0.9, head(60)), "turned", id="turned"),
        pytest.param(Detection((0, 0, 30, 40), 0.9, head(-60)), "turned", id="turned the other way"),
        pytest.param(Detection((0, 0, 30, 40), 0.9, None), None, id="without landmarks"),
        pytest.param(Detection((0, 0, 10, 40), 0.9, head(60)), "small", id="the first of several"),
    ],
)
def test_shortcomings(found, reason):
    assert shortcoming(found, NEEDS) == reason


def test_a_face_without_detail_is_blurred():
    assert (is_blurred(FLAT, NEEDS), is_blurred(SHARP, NEEDS)) == (True, False)


def test_nothing_is_asked_for_where_all_limits_are_zero():
    away = Detection((0, 0, 5, 5), 0.9, head(80))
    assert shortcoming(away, Quality(0, 0, 0)) is None
    assert not is_blurred(FLAT, Quality(0, 0, 0))


def test_a_real_face_is_fit_until_it_is_blurred(yunet, portrait):
    template = FaceTemplate(tuple(map(tuple, FACE_TEMPLATE["landmarks"])), tuple(FACE_TEMPLATE["box"]))
    (face,) = open_detector("yunet").detect(portrait)
    blurred = [
        is_blurred(crop_face(BgrPixels(picture), face, template, 48), Quality())
        for picture in (portrait, cv2.GaussianBlur(portrait, (0, 0), face.box[2] / 12))
    ]
    assert shortcoming(face, Quality()) is None
    assert blurred == [False, True]
