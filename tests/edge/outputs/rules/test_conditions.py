"""Conditions of rules as tables: what is seen when, and what it triggers."""

from dataclasses import replace
from datetime import datetime

import pytest

from edge.base.hours import Hours
from edge.base.settings import Rule
from edge.outputs.rules.conditions import Level, RuleState

from ...stand_ins import face, frame, result

HAPPY, SAD = 3, 5


def at(seconds, *faces, camera="porch", events=()):
    return replace(result(0, *faces), frame=replace(frame(), captured=seconds, source=camera), events=tuple(events))


def triggers(rule, results):
    state = RuleState(rule)
    return [trigger for one in results for trigger in state.update(one)]


def times(rule, results):
    return [round(trigger.t, 3) for trigger in triggers(rule, results)]


def happy(number=1, probability=0.9):
    return face(HAPPY, probability, number=number)


def sad(number=1):
    return face(SAD, 0.9, number=number)


def every(step, *scenes):
    """Results of scenes, which are faces and for how many frames they are there, `step` seconds apart."""
    shown = [faces for faces, frames in scenes for _ in range(frames)]
    return [at(100 + i * step, *faces) for i, faces in enumerate(shown)]


SMILE = Rule("smile", "expression", expression="happy", min_seconds=1.0, min_interval=0)


@pytest.mark.parametrize(
    ("results", "found"),
    [
        pytest.param(every(0.25, ([happy()], 5)), [101.0], id="it has lasted"),
        pytest.param(every(0.25, ([happy()], 4)), [], id="too short"),
        pytest.param(every(0.25, ([happy()], 40)), [101.0], id="once as long as it lasts"),
        pytest.param(
            every(0.25, ([happy()], 5), ([sad()], 1), ([happy()], 5)), [101.0, 102.5], id="again after another"
        ),
        pytest.param(every(0.25, ([happy()], 3), ([sad()], 1), ([happy()], 3)), [], id="interrupted"),
        pytest.param(every(0.25, ([happy()], 2), ([], 2), ([happy()], 2)), [101.0], id="not found for a moment"),
        pytest.param(every(0.25, ([happy()], 2), ([], 5), ([happy()], 4)), [], id="away"),
        pytest.param(every(0.25, ([happy(1)], 3), ([happy(2)], 3)), [], id="of two faces"),
        pytest.param(every(0.25, ([happy(1), happy(2)], 5)), [101.0, 101.0], id="two faces at once"),
        pytest.param(every(0.25, ([happy(probability=0.45)], 9)), [], id="not sure enough"),
        pytest.param(every(0.25, ([face(None)], 9)), [], id="without a label"),
        pytest.param([at(100.0, happy()), at(50.0, happy()), at(50.5, happy()), at(51.0, happy())], [51.0], id="clock"),
    ],
)
def test_an_expression_that_lasts(results, found):
    assert times(SMILE, results) == found


def test_a_trigger_has_the_facts():
    (trigger,) = triggers(SMILE, every(0.5, ([happy(7), sad(8)], 3)))
    assert trigger.facts() == {
        "rule": "smile", "when": "expression", "t": 101.0, "camera": "porch", "face": 7, "expression": "happy",
        "confidence": 0.9, "seconds": 1.0, "faces": 2,
    }  # fmt: skip
    assert trigger.result is not None


def test_faces_that_are_gone_are_forgotten():
    state = RuleState(SMILE)
    for number in range(1000):
        state.update(at(100 + number * 2.0, happy(number)))
    assert repr(state).count("_Lasting(") == 1


PAIR, ALONE = (
    Rule("pair", when, faces=2, min_seconds=0.5, min_interval=0) for when in ("faces_reached", "faces_below")
)
TWO, ONE = [happy(1), happy(2)], [happy(1)]


@pytest.mark.parametrize(
    ("results", "reached", "below"),
    [
        pytest.param(every(0.25, (TWO, 3)), [100.5], [], id="reached"),
        pytest.param(every(0.25, (TWO, 2), (ONE, 9)), [], [], id="not for long enough"),
        pytest.param(every(0.25, (TWO, 9), (ONE, 3)), [100.5], [102.75], id="reached and below"),
        pytest.param(every(0.25, (TWO, 9), (ONE, 1), (TWO, 9)), [100.5], [], id="below for a moment"),
        pytest.param(every(0.25, (TWO, 3), ([], 3), (TWO, 3)), [100.5, 102.0], [101.25], id="again"),
        pytest.param(every(0.25, (ONE, 9)), [], [], id="never reached, so never below"),
    ],
)
def test_numbers_of_faces(results, reached, below):
    assert times(PAIR, results) == reached
    assert times(ALONE, results) == below


def event(name, t, **more):
    return {"event": name, "t": t, "source": "porch", "id": 3} | more


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("face_appeared", [{"t": 100.0, "face": 3, "expression": None, "seconds": None}]),
        ("face_left", [{"t": 109.0, "face": 3, "expression": "sad", "seconds": 9.0}]),
    ],
)
def test_faces_that_come_and_go(when, found):
    short = event("face_left", 105.0, emotion=None, duration_s=0.5)
    long = event("face_left", 109.0, emotion="sad", duration_s=9.0)
    results = [at(100, events=[event("face_appeared", 100.0)]), at(106, events=[short]), at(110, events=[long])]
    seen = [trigger.facts() for trigger in triggers(Rule("door", when, min_interval=0), results)]
    assert [{name: one[name] for name in found[0]} for one in seen] == found


def test_a_rule_may_be_about_one_camera():
    results = [at(100 + i / 4, happy(), camera=camera) for i in range(5) for camera in ("porch", "hall")]
    assert [one.camera for one in triggers(replace(SMILE, camera="hall"), results)] == ["hall"]
    assert [one.camera for one in triggers(SMILE, results)] == ["porch", "hall"]


def test_a_rule_rests_for_its_interval():
    results = [at(100 + i, events=[event("face_appeared", 100.0 + i)]) for i in range(30)]
    assert times(Rule("door", "face_appeared", min_interval=10), results) == [100, 110, 120]
    back = [at(100, events=[event("face_appeared", 100.0)]), at(50, events=[event("face_appeared", 50.0)])]
    assert times(Rule("door", "face_appeared", min_interval=10), back) == [100, 50]


def test_a_rule_may_have_hours():
    noon = datetime(2026, 11, 27, 12).timestamp()
    results = [at(noon + hour * 3600, events=[event("face_appeared", noon + hour * 3600)]) for hour in range(-6, 7)]
    rule = Rule("door", "face_appeared", hours=(Hours.parse("mon-fri 08:00-11:00"), Hours.parse("fri 17:00-18:00")))
    assert [datetime.fromtimestamp(t).hour for t in times(rule, results)] == [8, 9, 10, 17]


@pytest.mark.parametrize(
    ("when", "found"), [("camera_lost", [(4.0, 2.0)]), ("camera_back", [(9.0, 2.0)]), ("face_appeared", [])]
)
def test_cameras_that_are_lost_and_back(when, found):
    state = RuleState(Rule("watch", when, min_seconds=2, min_interval=0))
    away = {1.0: True, 1.5: False, 2.0: True, 3.0: True, 4.0: True, 5.0: True, 6.0: False, 6.5: True, 7.0: False,
            8.0: False, 9.0: False, 10.0: False}  # fmt: skip
    seen = [one for t, lost in away.items() for one in state.update_camera("porch", lost, t)]
    assert [(one.t, one.seconds) for one in seen] == found


def test_cameras_are_lost_on_their_own():
    state = RuleState(Rule("watch", "camera_lost", camera="hall", min_seconds=0, min_interval=0))
    assert state.update_camera("porch", True, 1.0) == []
    assert [one.camera for one in state.update_camera("hall", True, 1.0)] == ["hall"]


def test_a_level_begins_low():
    level = Level()
    assert [level.update(high, t, 0) for t, high in enumerate([False, True, True, False, False])] == [
        None, 0, None, 0, None,
    ]  # fmt: skip
