"""Pictures of any kind become uint8 BGR."""

import numpy as np
import pytest

from edge.sources import frame as frame_module
from edge.sources.frame import to_bgr

from ..stand_ins import frame, picture

DEEP = np.uint16(0x12FF)


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        pytest.param(np.full((2, 3), 7, np.uint8), (7, 7, 7), id="grey"),
        pytest.param(np.full((2, 3, 1), 7, np.uint8), (7, 7, 7), id="grey with a channel"),
        pytest.param(np.full((2, 3, 3), (1, 2, 3), np.uint8), (1, 2, 3), id="BGR"),
        pytest.param(np.full((2, 3, 4), (1, 2, 3, 0), np.uint8), (1, 2, 3), id="BGRA: transparent counts too"),
        pytest.param(np.full((2, 3), DEEP), (0x12, 0x12, 0x12), id="grey, 16 bits"),
        pytest.param(np.full((2, 3, 3), (DEEP, 0, 0xFFFF), np.uint16), (0x12, 0, 0xFF), id="BGR, 16 bits"),
        pytest.param(np.full((2, 3, 4), (DEEP, 0, 0xFFFF, 9), np.uint16), (0x12, 0, 0xFF), id="BGRA, 16 bits"),
    ],
)
def test_to_bgr(image, pixel):
    converted = to_bgr(image)
    assert (converted.shape, converted.dtype) == ((2, 3, 3), np.uint8)
    assert (converted == pixel).all()


def test_bgr_is_not_copied():
    image = picture()
    assert to_bgr(image) is image


def test_width_and_height_are_the_pictures():
    assert (frame(image=picture(width=64, height=48)).width, frame(image=picture(width=64, height=48)).height) == (
        64,
        48,
    )


def test_age_is_counted_from_the_arrival(monkeypatch):
    arrived = frame()
    monkeypatch.setattr(frame_module.time, "monotonic", lambda: arrived.arrived + 0.25)
    assert arrived.age() == pytest.approx(0.25)
