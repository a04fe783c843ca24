import cv2
import numpy as np
import pytest

from export.figures import RELIABILITY, RISK_COVERAGE, ROBUSTNESS, draw_figures, draw_robustness
from tests.export import examples

LARGEST = 80_000


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return draw_figures(examples.measured())


def decode(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def has_colour(picture: np.ndarray, rgb: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture[..., ::-1].astype(int) - rgb).max(axis=2) < 60).sum() > 100)


@pytest.mark.parametrize("name", [RELIABILITY, RISK_COVERAGE, ROBUSTNESS])
def test_a_picture_is_small_and_shows_both_variants(pictures, name):
    assert len(pictures[name]) < LARGEST
    picture = decode(pictures[name])
    assert min(picture.shape[:2]) > 250
    assert has_colour(picture, (0, 114, 178)) and has_colour(picture, (213, 94, 0))


def test_the_same_figures_give_the_same_bytes(pictures):
    assert draw_figures(examples.measured()) == pictures
    assert not any(word in png for png in pictures.values() for word in (b"Software", b"matplotlib", b"tIME"))


def test_one_variant_is_enough():
    int8 = {"int8": examples.measured()["int8"]}
    assert all(len(png) > 1000 for png in draw_figures(int8).values())


def test_other_figures_give_other_pictures(pictures):
    worse = examples.with_curve(examples.measured(), "jpeg", [(100, 0.8), (5, 0.1)])
    assert draw_robustness(worse) != pictures[ROBUSTNESS]
