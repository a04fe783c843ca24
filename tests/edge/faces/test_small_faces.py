"""Small faces: found in fine tiles in turn, or at once in a recording, and followed from then on."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from edge.base.geometry import as_box
from edge.faces.detector import Detection, open_detector
from edge.faces.roi_search import Search
from edge.faces.tiles import LARGEST_FINE, MOST_RECORDED, TILE_PIXELS
from edge.faces.tracker import Tracker
from edge.pipeline.pipeline import Pipeline

from ..stand_ins import ScriptedRecognizer, ScriptedSource, frame, picture

EVERY, SMALLEST = 0.2, 12


class NearSighted:
    """Finds what is white and at least `SMALLEST` pixels wide and high as it is searched, also where it is cut off."""

    given: list = []  # noqa: RUF012 - the fixture's, shared by all detectors of one search

    def __init__(self, side):
        self.side = side

    def detect(self, image):
        scale = min(1.0, self.side / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self.given.append((self.side, small.shape[:2]))
        _, _, boxes, _ = cv2.connectedComponentsWithStats((small[..., 0] > 127).astype(np.uint8))
        return [Detection(as_box(box[:4] / scale), 0.9, None) for box in boxes[1:] if min(box[2:4]) >= SMALLEST]


@pytest.fixture
def given(monkeypatch):
    """The pictures that detectors were given: the detector's side and the size."""
    monkeypatch.setattr(NearSighted, "given", [])
    return NearSighted.given


def scene(x, y, side=30, size=(1280, 720)):
    image = picture((0, 0, 0), *size)
    image[y : y + side, x : x + side] = 255
    return image


def searched(live, side=None):
    search = Search(NearSighted, side, EVERY)
    search.set_live(live)
    return search


def watch(search, images, fps=15.0, **of_frame):
    """Detections of each frame, by a tracker's expectations as in a recognizer."""
    tracker = Tracker()
    for i, image in enumerate(images):
        time = i / fps
        expected = [track.expected(time) for track in tracker.found_last]
        found = search.find(replace(frame(i, image, time), **of_frame), expected)
        tracker.update(found, time)
        yield found


@pytest.mark.parametrize("place", [(0, 0), (1250, 690), (420, 300), (700, 345)])
def test_a_live_small_face_is_found_in_time_and_kept(given, place):
    found = list(watch(searched(live=True), [scene(*place)] * 30))
    first = next(i for i, faces in enumerate(found) if faces)
    assert first / 15 < 0.8
    assert all(len(faces) == 1 for faces in found[first:]), "coarsely searched frames do not lose it"
    assert found[-1][0].box == pytest.approx((*place, 30, 30), abs=2)


def test_a_recorded_small_face_is_found_at_once(given):
    found = list(watch(searched(live=False), [scene(700, 345)] * 5))
    assert [len(faces) for faces in found] == [1] * 5
    assert given[1:3] == [(1920, (360, 352))] * 2, "finely, in two tiles"


@pytest.mark.parametrize(("side", "tiles"), [(2 * LARGEST_FINE, 1), (2 * LARGEST_FINE + 2, 0)])
def test_the_fine_search_leaves_large_faces_to_the_coarse_one(given, monkeypatch, side, tiles):
    found = searched(live=False).find(frame(0, scene(200, 200, side=side), 0.0), [])
    assert len(found) == 1, "by the coarse search"
    # A coarse search that sees nothing: what is left is the fine search's.
    monkeypatch.setattr(
        NearSighted,
        "detect",
        lambda self, image, seen=NearSighted.detect: seen(self, image) if self.side == MOST_RECORDED else [],
    )
    assert len(searched(live=False).find(frame(0, scene(200, 200, side=side), 0.0), [])) == tiles


def test_a_recorded_small_face_that_jumps_is_found_at_once(given):
    found = list(watch(searched(live=False), [scene(700, 345), scene(200, 100)]))
    assert found[1][0].box == pytest.approx((200, 100, 30, 30), abs=2)


def test_a_small_face_is_followed_at_the_pictures_own_resolution(given):
    search = searched(live=False)
    images = [scene(700 + 2 * i, 345) for i in range(3)]
    list(watch(search, images))
    assert given[3:] == [(64, (64, 64))] * 2, "64 pixels of the picture, not of a smaller one"


def test_the_work_of_a_live_frame_is_bounded(given):
    search, most = searched(live=True), 0
    for _ in watch(search, [scene(700, 345, size=(1920, 1080))] * 60, fps=30.0):
        coarse = sum(h * w for side, (h, w) in given if side == 320)
        fine = sum(h * w for side, (h, w) in given if side == 1920)
        assert not (coarse and fine)
        assert fine <= TILE_PIXELS
        most = max(most, sum(h * w for _, (h, w) in given))
        given.clear()
    assert most <= TILE_PIXELS + 64 * 64


def test_a_large_face_is_not_found_in_parts(given):
    search = searched(live=True)
    found = list(watch(search, [scene(300, 100, side=500)] * 30))
    assert [len(faces) for faces in found] == [1] * 30
    assert any(side == 1920 for side, _ in given)


def test_a_face_that_both_searches_find_is_one(given):
    for live in (True, False):
        found = list(watch(searched(live), [scene(500, 300, side=120)] * 20))
        assert [len(faces) for faces in found] == [1] * 20


def test_a_side_that_is_named_is_the_only_one(given):
    for live in (True, False):
        assert not any(watch(searched(live, side=320), [scene(700, 345)] * 20))
    assert {side for side, _ in given} == {320}


@pytest.mark.parametrize("live", [True, False])
def test_small_pictures_are_searched_as_a_named_side_would(given, live):
    images = [scene(300, 200, size=(596, 336))] * 20
    found = list(watch(searched(live), images))
    by_size, given[:] = list(given), []
    assert list(watch(searched(live, side=320), images)) == found
    assert by_size == given


def test_tiles_are_of_the_large_picture_of_a_camera_with_a_small_one(given):
    image = scene(700, 345)
    preview = cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA)
    found = list(watch(searched(live=True), [image] * 15, preview=preview))
    assert found[-1][0].box == pytest.approx((700, 345, 30, 30), abs=2)


def test_eased_work_is_taken_from_tiles_first(given):
    counts = {}
    for factor in (1, 2):
        search = searched(live=True)
        search.slow_down(factor)
        list(watch(search, [picture((0, 0, 0), 1280, 720)] * 300, fps=30.0))
        sides = [side for side, _ in given]
        counts[factor] = sides.count(320), sides.count(1920)
        given.clear()
    assert counts[2][0] == pytest.approx(counts[1][0] / 2, rel=0.1)
    assert counts[2][1] == pytest.approx(counts[1][1] / 4, rel=0.2)


@pytest.mark.parametrize("live", [True, False])
def test_a_pipeline_says_whether_its_source_is_live(live):
    told = []
    recognizer = ScriptedRecognizer()
    recognizer.set_live = lambda live: told.append(live)
    with Pipeline(ScriptedSource(1, live=live), recognizer) as pipeline:
        list(pipeline)
    assert told == [live]


class TestRealFaces:
    @pytest.fixture
    def clip(self, portrait):
        """`clip(size, frames)`: pictures in which a face 40 pixels wide moves by a pixel a frame."""
        (largest, *_) = open_detector("yunet").detect(portrait)
        scale = 40 / largest.box[2]
        small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]

        def make(size, frames):
            for i in range(frames):
                image = picture((110, 100, 90), *size)
                x, y = size[0] // 3 + i, size[1] // 2
                image[y : y + height, x : x + width] = small
                yield image

        return make

    @pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
    def test_a_face_of_forty_pixels_is_found_within_a_second(self, yunet, clip, size):
        search = Search(partial(open_detector, "yunet"), None, EVERY)
        search.set_live(live=True)
        found = list(watch(search, clip(size, 15)))
        assert any(found)
        assert abs(found[-1][0].box[2] - 40) < 8

    @pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
    def test_a_face_of_forty_pixels_is_found_in_a_recording(self, yunet, clip, size):
        found = list(watch(Search(partial(open_detector, "yunet"), None, EVERY), clip(size, 40)))
        assert sum(len(faces) == 1 for faces in found) >= 38
