"""Parts of planes are what the same parts of BGR are, and what is drawn on them stays."""

import gc
import weakref

import cv2
import numpy as np
import pytest

from edge.base.ffmpeg import Colorspace, av
from edge.base.geometry import Area
from edge.sources.pixels import BgrPixels, YuvPixels

SIZE = (96, 64)
BOTH = pytest.mark.parametrize("bt709", [False, True], ids=["BT.601", "BT.709"])


def smooth(width=SIZE[0], height=SIZE[1]):
    """Colours that change slowly, as those of 4:2:0 must; saturated ones are not among them."""
    x, y = np.meshgrid(np.linspace(60, 180, width), np.linspace(60, 180, height))
    return np.stack([x, y, 240 - (x + y) / 2], axis=2).astype(np.uint8)


def planes(image, *, bt709=False):
    """The planes that FFmpeg makes of uint8 BGR."""
    frame = av.VideoFrame.from_ndarray(image, "bgr24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709 if bt709 else Colorspace.ITU601)
    made = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes)
    return YuvPixels(*(plane.copy() for plane in made), bt709=bt709)


def furthest(one, other):
    """The largest difference, but for single pixels."""
    return np.percentile(np.abs(one.astype(int) - other.astype(int)), 99.5)


@BOTH
@pytest.mark.parametrize("size", [SIZE, (97, 65), (2, 2), (1, 1), (3, 1)])
def test_the_whole_picture(size, bt709):
    pixels = planes(image := smooth(*size), bt709=bt709)
    assert (pixels.width, pixels.height) == size
    assert pixels.bgr().shape == image.shape
    assert pixels.bgr().flags.c_contiguous
    if min(size) > 3:
        assert furthest(pixels.bgr(), image) <= 6


@BOTH
@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_AREA])
@pytest.mark.parametrize(
    ("area", "size"),
    [
        pytest.param(Area(0, 0, 96, 64), (48, 32), id="half"),
        pytest.param(Area(0, 0, 96, 64), (31, 21), id="odd sides"),
        pytest.param(Area(10, 20, 50, 60), (40, 40), id="as it is"),
        pytest.param(Area(11, 21, 50, 59), (39, 38), id="odd corners"),
        pytest.param(Area(11, 21, 50, 59), (13, 13), id="odd corners, a third"),
        pytest.param(Area(90, 60, 96, 64), (24, 16), id="enlarged"),
        pytest.param(Area(95, 63, 96, 64), (1, 1), id="the last pixel"),
    ],
)
def test_a_part_is_that_of_bgr(area, size, interpolation, bt709):
    image = smooth()
    part = planes(image, bt709=bt709).part(area, size, interpolation)
    expected = BgrPixels(image).part(area, size, interpolation)
    assert (part.shape, part.dtype) == (expected.shape, np.uint8)
    assert furthest(part, expected) <= 10


@BOTH
@pytest.mark.parametrize("area", [Area(10, 20, 50, 60), Area(11, 21, 40, 33), Area(0, 0, 97, 65), Area(96, 64, 97, 65)])
def test_what_is_drawn_stays_and_the_rest_too(area, bt709):
    pixels = planes(smooth(97, 65), bt709=bt709)
    expected = pixels.bgr().copy()
    drawn = pixels.copy()
    with drawn.drawing(area) as part:
        assert part.shape == (area.height, area.width, 3)
        part[:] = (200, 60, 90)
    expected[area.rows, area.columns] = (200, 60, 90)
    inner = np.zeros(expected.shape[:2], bool)
    inner[area.top + 1 : area.bottom - 1, area.left + 1 : area.right - 1] = True
    outer = np.ones_like(inner)
    outer[max(0, area.top - 1) : area.bottom + 1, max(0, area.left - 1) : area.right + 1] = False
    assert np.abs(drawn.bgr().astype(int) - expected)[inner | outer].max(initial=0) <= 4
    assert furthest(pixels.bgr(), smooth(97, 65)) <= 6, "the original is as it was"


@BOTH
@pytest.mark.parametrize("source", [planes, BgrPixels])
@pytest.mark.parametrize("size", [SIZE, (95, 63), (600, 611)])
def test_filled_by_a_picture_that_is_one_pixel_smaller(size, source, bt709):
    packed = np.empty(((size[1] + size[1] % 2) * 3 // 2, size[0] + size[0] % 2), np.uint8)
    pixels = YuvPixels.packed(packed, bt709=bt709)
    pixels.fill(source(smooth(*size)))
    expected = cv2.copyMakeBorder(smooth(*size), 0, size[1] % 2, 0, size[0] % 2, cv2.BORDER_REPLICATE)
    assert furthest(pixels.bgr(), expected) <= 6


def test_the_whole_is_made_once_for_all_who_have_it_and_kept_for_nobody():
    pixels = planes(smooth())
    image = pixels.bgr()
    assert pixels.bgr() is image
    kept = weakref.ref(image)
    del image
    gc.collect()
    assert kept() is None


def test_planes_take_half_the_bytes_of_bgr():
    assert 2 * planes(smooth()).nbytes == BgrPixels(smooth()).nbytes


@pytest.mark.parametrize("make", [planes, BgrPixels])
def test_pictures_are_told_apart_by_a_sample(make):
    one, other = (make(np.full((64, 96, 3), level, np.uint8)) for level in (90, 93))
    assert one.sample(8).shape[:2] == (8, 12)
    assert (one.sample(8) != other.sample(8)).all()
