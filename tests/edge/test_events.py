"""Who came, who left, and what changed, told once."""

from dataclasses import replace

import pytest

from edge.events import Events

from .stand_ins import face, result

HAPPY, NEUTRAL = 3, 4


def happened(*frames, memory=1.0):
    """Events of frames (time, {number of a face: its label}), each without its source."""
    events, told = Events(memory), []
    for time, faces in frames:
        shown = result(0, *(face(label, number=number) for number, label in faces.items()))
        told += events.update(replace(shown, frame=replace(shown.frame, captured=time)))
    told += [{"end": True}, *events.end()]
    for event in told:
        assert event.pop("source", "test") == "test"
    return told


def test_a_face_comes_changes_and_leaves():
    assert happened(
        (10.0, {1: None}), (10.5, {1: HAPPY}), (11.0, {1: HAPPY}), (11.5, {1: NEUTRAL}), (12.0, {1: NEUTRAL}), (14, {})
    ) == [
        {"event": "face_appeared", "t": 10.0, "id": 1},
        {"event": "emotion_changed", "t": 10.5, "id": 1, "from": None, "to": "happy", "duration_s": 0.5},
        {"event": "emotion_changed", "t": 11.5, "id": 1, "from": "happy", "to": "neutral", "duration_s": 1.0},
        {"event": "face_left", "t": 12.0, "id": 1, "emotion": "neutral", "duration_s": 2.0},
        {"end": True},
    ]


def test_a_face_that_is_sure_from_the_start_changes_at_once():
    assert [e.get("event") for e in happened((0.0, {1: HAPPY}))] == [
        "face_appeared",
        "emotion_changed",
        None,
        "face_left",
    ]


def test_a_face_that_is_hidden_for_less_than_the_memory_has_not_left():
    told = happened((0.0, {1: HAPPY}), (0.5, {}), (1.0, {1: HAPPY}))
    assert [e.get("event") for e in told] == ["face_appeared", "emotion_changed", None, "face_left"]


def test_whoever_is_there_at_the_end_leaves():
    told = happened((0.0, {1: HAPPY, 2: NEUTRAL}), (0.5, {1: HAPPY, 2: NEUTRAL}))
    assert [(e["event"], e["id"]) for e in told[-2:]] == [("face_left", 1), ("face_left", 2)]


def test_a_clock_that_was_set_back_keeps_no_face_and_no_duration_is_below_zero():
    """The hour from 5000 s on is had twice: the one face stays, the other is gone meanwhile."""
    told = happened(
        *((5000.0, {1: HAPPY, 2: HAPPY}), (5001.0, {1: HAPPY, 2: HAPPY})),
        *((1401.0, {1: NEUTRAL}), (1402.0, {1: NEUTRAL}), (1402.5, {1: NEUTRAL})),
    )
    assert told[4:] == [
        {"event": "emotion_changed", "t": 1401.0, "id": 1, "from": "happy", "to": "neutral", "duration_s": 1.0},
        {"event": "face_left", "t": 1401.0, "id": 2, "emotion": "happy", "duration_s": 1.0},
        {"end": True},
        {"event": "face_left", "t": 1402.5, "id": 1, "emotion": "neutral", "duration_s": 2.5},
    ]


def test_nothing_is_told_while_nothing_happens():
    assert happened((0.0, {}), (1.0, {})) == [{"end": True}]


@pytest.mark.parametrize("count", [1000])
def test_no_memory_is_kept_of_those_who_left(count):
    events = Events(memory=0.5)
    for i in range(count):
        shown = result(i, face(number=i))
        events.update(replace(shown, frame=replace(shown.frame, captured=float(i))))
    assert len(events._present) <= 1
