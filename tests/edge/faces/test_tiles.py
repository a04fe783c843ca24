"""Tiles cover the picture, overlap by the largest face that only they find, and each has its turn in time."""

import math
from itertools import pairwise, product

import numpy as np
import pytest

from edge.base.geometry import Area
from edge.faces.tiles import (
    CERTAIN_SIDE,
    COARSE_SIDE,
    RECORDED_TILE_PIXELS,
    ROUND,
    SIDE_MULTIPLE,
    TILE_PIXELS,
    Rounds,
    fine_side,
    smallest_face,
    tiles_for,
)

SIZES = [(800, 600), (1280, 720), (720, 1280), (1296, 972), (1920, 1080), (1920, 1440), (2560, 1440), (3840, 2160)]
SIZES += [(2000, 2000), (5000, 600), (1921, 1079)]


def live_tiles(size):
    side = fine_side(*size, live=True)
    return tiles_for(*size, side), side / max(size)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_cover_the_picture_and_stay_inside(size):
    tiles, _ = live_tiles(size)
    width, height = size
    columns, rows = sorted({tile.left for tile in tiles}), sorted({tile.top for tile in tiles})
    assert len(tiles) == len(columns) * len(rows)
    assert len({(tile.width, tile.height) for tile in tiles}) == 1, "one form has one detector"
    assert (columns[0], rows[0]) == (0, 0)
    assert (columns[-1] + tiles[0].width, rows[-1] + tiles[0].height) == (width, height)


@pytest.mark.parametrize("size", SIZES)
def test_a_face_that_the_coarse_search_misses_is_whole_in_one_tile(size):
    tiles, _ = live_tiles(size)
    largest = CERTAIN_SIDE * max(size) / COARSE_SIDE
    for places, part in (
        ({tile.left for tile in tiles}, tiles[0].width),
        ({tile.top for tile in tiles}, tiles[0].height),
    ):
        assert all(a + part - b >= largest - 3 for a, b in pairwise(sorted(places)))  # rounded to whole pixels


@pytest.mark.parametrize("size", SIZES)
def test_no_tile_is_much_more_work_than_a_coarse_search(size):
    tiles, scale = live_tiles(size)

    def padded(length):
        return -(-int(length * scale) // SIDE_MULTIPLE) * SIDE_MULTIPLE

    assert padded(tiles[0].width) * padded(tiles[0].height) <= TILE_PIXELS == 1.5 * 320 * 192


def test_large_pictures_need_few_tiles():
    assert {size: len(live_tiles(size)[0]) for size in [(1280, 720), (1920, 1080), (3840, 2160)]} == {
        (1280, 720): 4,
        (1920, 1080): 8,
        (3840, 2160): 8,
    }


@pytest.mark.parametrize("size", [(320, 240), (596, 336), (640, 480), (720, 576)])
def test_small_pictures_have_no_fine_search(size):
    assert fine_side(*size, live=True) is fine_side(*size, live=False) is None


@pytest.mark.parametrize(
    ("size", "live", "pixels"),
    [
        ((320, 240), True, 20),
        ((640, 480), True, 40),
        ((1280, 720), True, 40),
        ((1920, 1080), True, 40),
        ((1920, 1080), False, 40),
        ((3840, 2160), True, 80),
        ((3840, 2160), False, 40),
    ],
)
def test_the_smallest_face_follows_from_the_size(size, live, pixels):
    assert smallest_face(*size, live=live) == pixels


@pytest.fixture
def eight():
    return tuple(Area(100 * i, 0, 100 * i + 100, 100) for i in range(8))


def turns(tiles, fps, seconds, every=0.2, start=1000.0):
    """Each frame's time, whether the whole was searched in it, and the tile that was."""
    rounds, last, given = Rounds(tiles), None, []
    for i in range(round(fps * seconds)):
        time = start + i / fps
        if busy := last is None or time - last >= every:
            last = time
        given.append((time, busy, rounds.turn(time, busy, ROUND)))
    return given


@pytest.mark.parametrize(("fps", "most"), [(5, 1.6), (10, 0.8), (15, 0.55), (25, 0.55), (30, 0.5), (60, 0.5)])
def test_every_tile_has_its_turn(eight, fps, most):
    given = turns(eight, fps, 10)
    for tile in eight:
        times = [1000.0, *(time for time, _, found in given if found is tile), 1010.0]
        assert max(b - a for a, b in pairwise(times)) <= most + 1.5 / fps


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_no_frame_has_a_coarse_search_and_a_tile(eight, fps):
    assert not any(busy and tile for _, busy, tile in turns(eight, fps, 10))


def test_many_frames_have_no_more_tiles(eight):
    given = turns(eight, 120, 10)
    assert sum(tile is not None for _, _, tile in given) == pytest.approx(10 * len(eight) / ROUND, abs=2)


@pytest.mark.parametrize("fps", [5, 30])
def test_tiles_have_their_turns_where_every_frame_is_searched_whole(eight, fps):
    given = turns(eight, fps, 3, every=0.0)
    assert {tile for _, _, tile in given} >= set(eight)


def test_a_pause_is_not_made_up_for(eight):
    rounds = Rounds(eight)
    times = [1000.0, *(1060.0 + i / 60 for i in range(60))]
    assert sum(rounds.turn(time, False, ROUND) is not None for time in times[1:]) <= 18


def test_a_clock_that_was_set_back_stops_no_turns(eight):
    rounds = Rounds(eight)
    assert rounds.turn(1000.0, False, ROUND)
    assert rounds.turn(500.0, False, ROUND)
    assert rounds.turn(500.01, False, ROUND) is None


@pytest.mark.parametrize(
    ("width", "height", "count"), [(1280, 720, 2), (1920, 1080, 4), (3840, 2160, 24), (2160, 3840, 24)]
)
def test_a_recordings_tiles_are_few_and_bounded(width, height, count):
    side = fine_side(width, height, live=False)
    tiles = tiles_for(width, height, side, RECORDED_TILE_PIXELS)
    scale = side / max(width, height)
    assert len(tiles) == count
    assert all(tile.width * tile.height * scale**2 <= RECORDED_TILE_PIXELS for tile in tiles)
    covered = np.zeros((height, width), bool)
    for tile in tiles:
        covered[tile.rows, tile.columns] = True
    assert covered.all()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (2160, 3840)])
def test_a_recorded_face_is_whole_in_a_tile_or_certain_in_the_coarse_search(width, height):
    side = fine_side(width, height, live=False)
    tiles = tiles_for(width, height, side, RECORDED_TILE_PIXELS)
    largest = math.floor(CERTAIN_SIDE * max(width, height) / COARSE_SIDE)
    for x, y in product(range(0, width - largest, 40), range(0, height - largest, 40)):
        right, bottom = x + largest, y + largest
        assert any(t.left <= x and t.top <= y and right <= t.right and bottom <= t.bottom for t in tiles), (x, y)
