"""Faces summed up by the second."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.outputs.store.seconds import Seconds

from ...stand_ins import face, frame, result, unread

HAPPY, SAD = 3, 5


def at(seconds, *faces, source="porch"):
    shown = replace(frame(), captured=seconds, source=source)
    return replace(result(0, *faces), frame=shown)


def rows_of(*results):
    seconds = Seconds()
    return [row for one in results for row in seconds.add(one)] + seconds.end_older(0)


def test_a_face_in_a_second_is_one_row():
    (row,) = rows_of(*(at(100 + i / 10, face(HAPPY, 0.6 + i / 100)) for i in range(10)))
    assert row[:4] == (100, "porch", 1, "happy")
    assert row.confidence == pytest.approx(0.645, abs=1e-4)
    assert row.frames == 10
    assert json.loads(row.classes) == list(EMOTIONS)
    assert sum(json.loads(row.probabilities)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        pytest.param([HAPPY, SAD, SAD], "sad", id="the most frequent"),
        pytest.param([None, None, SAD], None, id="mostly none"),
        pytest.param([HAPPY, SAD], "happy", id="a tie: the first"),
    ],
)
def test_the_label_is_the_most_frequent_and_is_not_contradicted(labels, label):
    (row,) = rows_of(*(at(100 + i / 10, face(one, 0.6 + i / 10)) for i, one in enumerate(labels)))
    assert row.label == label
    assert row.frames == len(labels)
    if label:
        assert EMOTIONS[int(np.argmax(json.loads(row.probabilities)))] == label


def test_a_second_in_which_a_face_was_not_read_has_no_probabilities():
    (row,) = rows_of(*(at(100 + i / 10, unread()) for i in range(3)))
    assert (row.label, row.confidence, row.frames, json.loads(row.probabilities)) == (None, None, 3, None)


def test_means_are_of_the_frames_in_which_the_face_was_read():
    (row,) = rows_of(*(at(100 + i / 10, one) for i, one in enumerate((unread(), face(None, 0.3), unread()))))
    assert (row.label, row.confidence, row.frames) == (None, 0.3, 3)
    assert sum(json.loads(row.probabilities)) == pytest.approx(1, abs=1e-3)


def test_faces_and_seconds_and_cameras_are_apart():
    rows = rows_of(
        at(100.1, face(number=1), face(number=2)),
        at(100.5, face(number=1), source="hall"),
        at(101.0, face(number=1)),
        at(100.7, face(number=1), source="hall"),
    )
    assert sorted(row[:3] for row in rows) == [
        (100, "hall", 1),
        (100, "porch", 1),
        (100, "porch", 2),
        (101, "porch", 1),
    ]
    assert sum(row.frames for row in rows) == 5


def test_a_second_is_over_when_the_next_begins_also_without_faces():
    seconds = Seconds()
    assert seconds.add(at(100.0, face())) == []
    assert seconds.add(at(100.9, face())) == []
    assert [row.second for row in seconds.add(at(101.0))] == [100]
    assert seconds.add(at(102.0)) == []


def test_a_clock_that_was_set_back_begins_a_second():
    rows = rows_of(at(100.0, face()), at(50.0, face()))
    assert sorted(row.second for row in rows) == [50, 100]


def test_a_second_ends_by_time_where_no_frame_follows():
    now = 0.0
    seconds = Seconds(lambda: now)
    seconds.add(at(100.0, face()))
    now = 1.9
    assert seconds.end_older(2.0) == []
    now = 2.0
    assert [row.second for row in seconds.end_older(2.0)] == [100]
    assert seconds.end_older(0.0) == []
