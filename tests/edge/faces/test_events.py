"""Events: arrivals, departures and changes, each told once."""

from dataclasses import replace

import pytest

from edge.base.settings import EventLimits
from edge.faces.events import EVERY_CHANGE, Events

from ..memory import kept_bytes
from ..stand_ins import face, result

HAPPY, NEUTRAL = 3, 4


def at(time, *faces):
    shown = result(0, *faces)
    return replace(shown, frame=replace(shown.frame, captured=time))


def happened(*frames, memory=1.0):
    """Events of frames (time, {number of a face: its label}), each without its source."""
    events, told = Events(EVERY_CHANGE, memory), []
    for time, faces in frames:
        told += events.update(at(time, *(face(label, number=number) for number, label in faces.items())))
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
    events = Events(EVERY_CHANGE, memory=0.5)
    events.update(at(0.0, face(number=0)))
    kept = kept_bytes(events)
    for i in range(1, count):
        events.update(at(float(i), face(number=i)))
    assert kept_bytes(events) < 1.1 * kept


def changes(*frames, limits=EventLimits(min_seconds=0.5, min_confidence=0.5)):  # noqa: B008 - frozen
    """(when it was told, `t`, `to`, `duration_s`) of frames (time, label, confidence)."""
    events, told = Events(limits), []
    for time, label, confidence in frames:
        happened_now = events.update(at(time, face(label, confidence)))
        told += [(time, e["t"], e["to"], e["duration_s"]) for e in happened_now if e["event"] == "emotion_changed"]
    return told


def steady(label, confidence, start, end):
    """Frames at ten a second."""
    return [(i / 10, label, confidence) for i in range(round(10 * start), round(10 * end))]


FIRST = (0.5, 0.0, "happy", 0.0)


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        pytest.param(steady(HAPPY, 0.8, 0, 2), [FIRST], id="told once, when it has lasted, with the time it began"),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(NEUTRAL, 0.8, 2, 4)],
            [FIRST, (2.5, 2.0, "neutral", 2.0)],
            id="a duration ends where the next begins",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(NEUTRAL, 0.8, 2, 2.4), *steady(HAPPY, 0.8, 2.4, 4)],
            [FIRST],
            id="what does not last is not told, nor is the return from it",
        ),
        pytest.param(
            [
                *steady(HAPPY, 0.8, 0, 1),
                *(f for i in range(10, 30) for f in steady(4 + i % 3, 0.8, i / 10, i / 10 + 0.1)),
            ],
            [FIRST],
            id="nor are many that do not last",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(NEUTRAL, 0.4, 2, 2.3), *steady(NEUTRAL, 0.6, 2.3, 4)],
            [FIRST, (2.8, 2.3, "neutral", 2.3)],
            id="it begins when it is probable enough",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(NEUTRAL, 0.4, 2, 4)],
            [FIRST, (2.5, 2.0, None, 2.0)],
            id="one that never is ends the one before",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(HAPPY, 0.4, 2, 4)],
            [FIRST],
            id="one that was told needs no more than to be the label",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(None, 0.3, 2, 2.4), *steady(HAPPY, 0.8, 2.4, 4)],
            [FIRST],
            id="no label for a moment",
        ),
        pytest.param(
            [*steady(HAPPY, 0.8, 0, 2), *steady(None, 0.3, 2, 4)],
            [FIRST, (2.5, 2.0, None, 2.0)],
            id="no label for good",
        ),
        pytest.param(steady(HAPPY, 0.4, 0, 2), [], id="never probable enough"),
        pytest.param(steady(HAPPY, 0.5, 0, 2), [FIRST], id="just probable enough"),
    ],
)
def test_a_change_is_told_when_it_has_lasted(frames, told):
    assert changes(*frames) == told


def test_whoever_leaves_leaves_with_the_emotion_that_was_told():
    events = Events(EventLimits(min_seconds=0.5))
    for time, label, confidence in [*steady(HAPPY, 0.8, 0, 1), *steady(NEUTRAL, 0.8, 1, 1.4)]:
        events.update(at(time, face(label, confidence)))
    assert [(e["event"], e["emotion"], e["duration_s"]) for e in events.end()] == [("face_left", "happy", 1.3)]


def test_a_clock_that_is_set_back_does_not_prolong_the_wait():
    told = changes(*[(3600 + t, *shown) for t, *shown in steady(HAPPY, 0.8, 0, 0.3)], *steady(HAPPY, 0.8, 0.3, 2))
    assert len(told) == 1
    assert 0.5 < told[0][0] < 0.9


def test_settled_results_show_what_was_told_last():
    events = Events(EventLimits(min_seconds=0.5))
    for time, label, confidence in [*steady(HAPPY, 0.8, 0, 1), *steady(NEUTRAL, 0.9, 1, 2)]:
        shown = face(label, confidence, box=(time, 0, 20, 20))
        told = any(event["event"] == "emotion_changed" for event in events.update(at(time, shown)))
        settled = events.settled(shown)
        if settled is None:
            assert time < 0.5
            continue
        assert settled.box == shown.box, "where the face is now"
        assert settled.emotion == ("happy" if time < 1.5 else "neutral")
        assert settled.confidence == pytest.approx(0.8 if time < 1.5 else 0.9)
        assert not told or settled.emotion == shown.emotion
    assert events.settled(face(number=7)) is None


def test_a_result_carries_its_events_and_the_settled_results_of_its_faces():
    events, other = Events(EVERY_CHANGE), Events(EVERY_CHANGE)
    for frame in (at(10.0, face(HAPPY)), at(10.1, face(NEUTRAL), face(HAPPY, number=2)), at(12.0)):
        told = events.add_to(frame)
        assert told.events == tuple(other.update(frame))
        assert told.settled == {one.id: other.settled(one) for one in frame.faces}
        assert told.frame is frame.frame
