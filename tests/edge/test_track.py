"""Faces keep their numbers while they move, and nobody else gets them."""

import pytest

from edge.track import Tracker, match_boxes

from .stand_ins import detection

LEFT, RIGHT = (0, 0), (100, 0)


def ids(frames, memory=1.0):
    """Numbers given, frame by frame; a frame is (time, corners of 20x20 faces)."""
    tracker = Tracker(memory)
    return [[t.id for t in tracker.update([detection(*c) for c in corners], time)] for time, corners in frames]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([(0, [])], [[]], id="nobody"),
        pytest.param([(0, [LEFT, RIGHT])], [[1, 2]], id="numbers from 1"),
        pytest.param([(0, [LEFT]), (0.1, [(4, 3)]), (0.2, [(8, 6)])], [[1], [1], [1]], id="one face moves"),
        pytest.param([(0, [LEFT, RIGHT]), (0.1, [RIGHT, LEFT])], [[1, 2], [2, 1]], id="the detector changes the order"),
        pytest.param(
            [(0, [(0, 0), (24, 0)]), (0.1, [(4, 0), (20, 0)]), (0.2, [(16, 0), (8, 0)]), (0.3, [(13, 0), (13, 20)])],
            [[1, 2], [1, 2], [2, 1], [2, 3]],
            id="two come close and one is lost",
        ),
        pytest.param([(0, [LEFT]), (0.1, [RIGHT])], [[1], [2]], id="a jump is somebody else"),
        pytest.param([(0, [LEFT]), (0.5, []), (1.0, [LEFT])], [[1], [], [1]], id="back within the memory"),
        pytest.param([(0, [LEFT]), (0.5, []), (1.1, [LEFT])], [[1], [], [2]], id="back too late"),
        pytest.param(
            [(0, [LEFT]), (0.9, [LEFT]), (1.8, [LEFT])], [[1], [1], [1]], id="memory counts from the last time"
        ),
        pytest.param(
            [(0, [LEFT]), (2, [LEFT]), (4, [LEFT, RIGHT])], [[1], [2], [3, 4]], id="no number is used a second time"
        ),
        pytest.param([(0, [LEFT]), (0.1, [LEFT, (2, 2)])], [[1], [1, 2]], id="two claims: the nearer has it"),
        pytest.param([(0, [LEFT]), (0.1, [(2, 2), LEFT])], [[1], [2, 1]], id="two claims, the other order"),
        pytest.param([(0, [LEFT, RIGHT]), (0.1, [RIGHT])], [[1, 2], [2]], id="one leaves, the other stays"),
    ],
)
def test_numbers(frames, expected):
    assert ids(frames) == expected


def test_memory_is_a_setting():
    assert ids([(0, [LEFT]), (3, [LEFT])], memory=5) == [[1], [1]]


def test_a_track_carries_its_detection_and_time():
    found = detection(*LEFT)
    (track,) = Tracker().update([found], 12.5)
    assert track.detection is found
    assert track.seen == 12.5


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([], [], {}, id="none"),
        pytest.param([], [(0, 0, 10, 10)], {}, id="no old"),
        pytest.param([(0, 0, 10, 10)], [], {}, id="no new"),
        pytest.param([(0, 0, 10, 10)], [(0, 0, 10, 10)], {0: 0}, id="the same"),
        # Overlaps of 10x10 boxes moved by d along x: (10 - d) / (10 + d).
        pytest.param([(0, 0, 10, 10)], [(6, 0, 10, 10)], {0: 0}, id="0.25 is enough"),
        pytest.param([(0, 0, 10, 10)], [(7, 0, 10, 10)], {}, id="0.18 is not"),
        pytest.param(
            [(0, 0, 10, 10), (4, 0, 10, 10)], [(3, 0, 10, 10), (4, 0, 10, 10)], {1: 1, 0: 0}, id="the best pair first"
        ),
    ],
)
def test_match_boxes(old, new, expected):
    assert match_boxes(old, new) == expected
