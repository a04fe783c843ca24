"""Faces keep their numbers while they move, and nobody else gets them."""

import pytest

from edge.faces.detector import Detection
from edge.faces.tracker import TRACK_TIMEOUT, Track, Tracker

from ..stand_ins import detection, with_landmarks

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
            [(0, [(0, 0), (24, 0)]), (0.1, [(4, 0), (20, 0)]), (0.2, [(16, 0), (8, 0)]), (0.3, [(13, 0), (13, 30)])],
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


def test_an_expected_place_lies_where_the_face_was_going():
    tracker = Tracker()
    for i in range(20):
        (track,) = tracker.update([with_landmarks(3 * i, 0)], i / 30)
    expected = track.expected(19 / 30 + 0.1)
    assert expected.box == pytest.approx((57 + 9, 0, 20, 20), abs=0.5)
    assert expected.landmarks[0] == pytest.approx(57 + 9 + 6 + 8j, abs=0.5)


def test_nobody_is_expected_to_go_on_for_ever():
    track = Track(1, detection(0, 0), 0.0, 10.0)
    assert track.expected(100.0).box[0] == 10 * TRACK_TIMEOUT


def test_a_clock_that_was_set_back_keeps_the_number_and_the_speed():
    tracker = Tracker()
    tracker.update([detection(0, 0)], 100.0)
    before = tracker.update([detection(2, 0)], 100.1)[0]
    after = tracker.update([detection(4, 0)], 50.0)[0]
    assert after.id == before.id
    assert after.velocity == before.velocity


@pytest.mark.parametrize("hidden", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("landmarks", [True, False])
def test_two_faces_that_cross_keep_their_numbers(hidden, landmarks):
    """They pass one another at arm's length, and for `hidden` seconds the detector sees only the nearer one."""
    make = with_landmarks if landmarks else detection
    tracker, numbers = Tracker(), {}
    for i in range(91):
        time = i / 30
        right, left = make(2.0 * i, 0), make(180 - 2.0 * i, 3)  # they meet at 1.5 s
        behind = abs(time - 1.5) < hidden / 2
        tracks = tracker.update([right] if behind else [left, right], time)
        numbers |= {"right": tracks[-1].id} | ({} if behind else {"left": tracks[0].id})
        if i == 0:
            first = dict(numbers)
    assert numbers == first


def test_faces_of_another_size_are_somebody_else():
    tracker = Tracker()
    (first,) = tracker.update([detection(0, 0)], 0.0)
    (second,) = tracker.update([detection(-10, -10, 40, 40)], 0.1)
    assert second.id != first.id


def test_landmarks_tell_faces_apart_whose_boxes_are_alike():
    tracker = Tracker()
    first = tracker.update([with_landmarks(0, 0), with_landmarks(8, 0)], 0.0)
    lean = with_landmarks(0, 0)
    nearer_by_box = Detection((7.0, 0.0, 20.0, 20.0), 0.9, lean.landmarks)
    assert tracker.update([nearer_by_box], 0.01)[0].id == first[0].id
