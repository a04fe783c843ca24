"""Faces are followed where they are expected, and everything is searched when it is time or somebody is lost."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from edge.base.geometry import as_box
from edge.base.settings import Options
from edge.faces.detector import Detection, open_detector
from edge.faces.recognizer import Recognizer
from edge.faces.roi_search import Search
from edge.faces.tiles import COARSE_SIDE
from edge.faces.tracker import Tracker
from edge.faces.yunet import Network
from edge.sources import open_source

from ..clips import WOMAN
from ..stand_ins import detection, frame, picture

EVERY = 0.2


class WhiteSquares:
    """Finds what is white, with its centre as the only landmark; keeps the sizes of the pictures it was given."""

    def __init__(self, side):
        self.side, self.sizes = side, []

    def detect(self, image):
        self.sizes.append(image.shape[:2])
        _, _, boxes, _ = cv2.connectedComponentsWithStats((image[..., 0] > 127).astype(np.uint8))
        found = [Detection(as_box(box[:4]), 0.9, None) for box in boxes[1:]]
        return [replace(face, landmarks=(face.centre,)) for face in found]


class WatchedSearch(Search):
    """A search with its detectors: the first one is that of whole pictures."""

    def __init__(self, every):
        self.detectors = []
        super().__init__(self.make, 320, every)

    def make(self, side):
        self.detectors.append(WhiteSquares(side))
        return self.detectors[-1]


@pytest.fixture
def search():
    return WatchedSearch(EVERY)


def scene(*corners, side=40):
    image = picture((0, 0, 0), 640, 360)
    for x, y in corners:
        image[y : y + side, x : x + side] = 255
    return image


def find(search, image, expected, time):
    return search.find(frame(0, image, time), expected)


def mosaics(search):
    """Sizes of the pictures of surroundings that were searched."""
    return [size for detector in search.detectors[1:] for size in detector.sizes]


def wholes(search):
    """Sizes of the whole pictures that were searched."""
    return search.detectors[0].sizes


def boxes(detections):
    return [d.box for d in detections]


def test_the_first_picture_is_searched_whole(search):
    assert boxes(find(search, scene((100, 100)), [], 0.0)) == [(100, 100, 40, 40)]
    assert wholes(search) == [(180, 320)]


def test_a_known_face_is_found_in_the_region_about_it(search):
    (known,) = find(search, scene((100, 100)), [], 0.0)
    (found,) = find(search, scene((104, 97)), [known], 0.05)
    assert mosaics(search) == [(64, 64)]
    assert len(wholes(search)) == 1
    assert found.box == pytest.approx((104, 97, 40, 40), abs=1)
    assert found.landmarks[0] == pytest.approx(124 + 117j, abs=0.5)


@pytest.mark.parametrize("corner", [(0, 0), (600, 0), (0, 320), (600, 320)])
def test_regions_stay_inside_the_picture(search, corner):
    (known,) = find(search, scene(corner), [], 0.0)
    (found,) = find(search, scene(corner), [known], 0.05)
    assert len(wholes(search)) == 1
    assert found.box == pytest.approx((*corner, 40, 40), abs=1)


def test_where_nobody_is_known_nothing_is_searched_until_it_is_time(search):
    times = np.arange(13) / 30
    for time in times:
        find(search, scene(), [], time)
    assert len(wholes(search)) == 3  # at 0, 0.2 and 0.4
    assert mosaics(search) == []


@pytest.mark.parametrize("rate", [5, 10, 30, 100])
def test_a_new_face_appears_in_time(search, rate):
    (known,) = find(search, scene((100, 100)), [], 0.0)
    for i in range(1, rate):
        both = find(search, scene((100, 100), (400, 200)), [known], i / rate)
        if len(both) == 2:
            break
    assert i / rate <= max(0.3, 1 / rate)


def test_a_lost_face_is_searched_for_at_once(search):
    (known,) = find(search, scene((100, 100)), [], 0.0)
    assert boxes(find(search, scene((400, 200)), [known], 0.05)) == [(400, 200, 40, 40)]
    assert len(wholes(search)) == 2


def test_neighbours_are_not_found_twice(search):
    known = find(search, scene((100, 100), (150, 100)), [], 0.0)
    found = find(search, scene((100, 100), (150, 100)), known, 0.05)
    assert mosaics(search) == [(64, 128)]
    assert sorted(round(d.box[0]) for d in found) == [100, 150]


def test_faces_are_searched_for_as_finely_as_in_the_whole_picture(search):
    for side in (10, 60, 100, 110):  # half of that where the whole picture is searched
        search.reset()
        known = find(search, scene((100, 100), side=side), [], 0.0)
        find(search, scene((100, 100), side=side), known, 0.05)
    assert mosaics(search) == [(64, 64), (64, 64), (96, 96), (96, 96)]


@pytest.mark.parametrize("count", range(1, 9))
def test_the_surroundings_of_several_faces_are_searched_in_one_picture(search, count):
    sides = [36, 48, 40, 44, 36, 48, 40, 44]
    corners = [(20 + 150 * (i % 4), 60 + 160 * (i // 4)) for i in range(count)]
    image, moved = picture((0, 0, 0), 640, 360), picture((0, 0, 0), 640, 360)
    for (x, y), side in zip(corners, sides, strict=False):
        image[y : y + side, x : x + side] = 255
        moved[y + 2 : y + 2 + side, x - 3 : x - 3 + side] = 255
    known = find(search, image, [], 0.0)
    found = find(search, moved, known, 0.05)
    assert len(wholes(search)) == 1
    assert len(mosaics(search)) == count // 4 + (count % 4).bit_count()
    expected = [(x - 3, y + 2, side, side) for (x, y), side in zip(corners, sides, strict=False)]
    np.testing.assert_allclose(sorted(boxes(found)), sorted(expected), atol=1.5)


def test_what_is_lost_in_a_mosaic_is_searched_for_everywhere(search):
    known = find(search, scene((100, 100), (300, 100)), [], 0.0)
    assert len(find(search, scene((100, 100), (300, 250)), known, 0.05)) == 2
    assert len(wholes(search)) == 2


def test_faces_too_many_for_regions_are_searched_for_in_the_whole_picture(search):
    corners = [(10 + 60 * i, 100) for i in range(10)]
    known = find(search, scene(*corners), [], 0.0)
    assert len(find(search, scene(*corners), known, 0.05)) == 10
    assert len(wholes(search)) == 2


def test_a_face_that_fills_the_picture_is_searched_for_in_all_of_it(search):
    find(search, scene((100, 100)), [], 0.0)
    find(search, scene((100, 100)), [detection(100, 50, 240, 240)], 0.05)
    assert len(wholes(search)) == 2


def test_every_picture_is_searched_whole_when_asked_for():
    search = WatchedSearch(0.0)
    (known,) = find(search, scene((100, 100)), [], 0.0)
    find(search, scene((100, 100)), [known], 0.0)
    assert len(wholes(search)) == 2


def test_a_clock_that_was_set_back_hides_nobody(search):
    find(search, scene(), [], 1000.0)
    assert len(find(search, scene((100, 100)), [], 500.0)) == 1


def test_forgetting_searches_all_of_the_next_picture(search):
    find(search, scene(), [], 0.0)
    search.reset()
    assert len(find(search, scene((100, 100)), [], 0.01)) == 1


def test_a_cameras_small_picture_is_searched_instead_of_the_whole(search):
    large, small = scene((200, 100), side=80), cv2.resize(scene((200, 100), side=80), (320, 180))
    (found,) = search.find(replace(frame(0, large, 0.0), preview=small), [])
    assert wholes(search) == [(180, 320)]
    assert found.box == pytest.approx((200, 100, 80, 80), abs=1)
    search.find(replace(frame(0, large, 0.05), preview=small), [found])
    assert mosaics(search) == [(64, 64)], "near faces the large picture is looked at"


@pytest.mark.skipif(not WOMAN.is_file(), reason="the video is not on this machine")
def test_following_a_real_face_keeps_its_landmarks(yunet):
    """Against a search of every whole frame: the median error is under 3% of the face's width, and none is missed."""
    whole = open_detector("yunet")
    search, tracker, errors, missed = Search(partial(open_detector, "yunet"), 320, EVERY), Tracker(), [], 0
    source = open_source(str(WOMAN))
    while (given := source.read()) is not None:
        expected = [track.expected(given.captured) for track in tracker.found_last]
        found = search.find(given, expected)
        tracker.update(found, given.captured)
        if reference := whole.detect(given.image):
            missed += not found
            if found:
                away = np.abs(np.subtract(found[0].landmarks, reference[0].landmarks)).mean()
                errors.append(away / reference[0].box[2])
    assert missed == 0
    assert np.median(errors) < 0.03


def test_the_recognizer_follows(bundle, yunet, portrait, monkeypatch):
    """With its own detectors: the second frame of a face costs no search of the whole picture."""
    sides, find_faces = [], Network.find

    def find(network, image):
        sides.append(max(image.shape[:2]))
        return find_faces(network, image)

    monkeypatch.setattr(Network, "find", find)
    made = Recognizer.from_options(Options(model=bundle))
    first = made.detect(frame(0, portrait, 10.0)).tracks
    assert max(sides) == COARSE_SIDE
    sides.clear()
    second = made.detect(frame(1, portrait, 10.05)).tracks
    assert [track.id for track in first] == [track.id for track in second]
    assert 0 < max(sides) < COARSE_SIDE


def test_frames_may_change_their_size(search):
    known = find(search, scene((500, 250)), [], 0.0)
    (found,) = search.find(frame(1, cv2.resize(scene((500, 250)), (320, 180)), 0.05), known)
    assert found.box == pytest.approx((250, 125, 20, 20), abs=1)
