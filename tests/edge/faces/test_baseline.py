"""Correction by a face's own expression at rest, on tracks made by hand."""

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.settings import Smoothing
from edge.faces.baseline import (
    BASELINE_SECONDS,
    INTERVAL,
    MAX_SHIFT,
    NEUTRAL,
    REST_LOG_ODDS,
    PersonalBaseline,
    log_odds,
)
from edge.faces.smoother import Smoother

from ..memory import kept_bytes
from ..stand_ins import wandering

ANGRY, HAPPY, SAD = (EMOTIONS.index(name) for name in ("angry", "happy", "sad"))


def mixed(**shares):
    """Probabilities float32 `[7]`: the named classes have these shares, neutral the rest."""
    values = np.zeros(len(EMOTIONS), np.float32)
    for name, share in shares.items():
        values[EMOTIONS.index(name)] = share
    values[NEUTRAL] += 1 - values.sum()
    return values


def show(baseline, probabilities, begin=0.0, seconds=BASELINE_SECONDS, rate=30, track=1, label=None):
    """Show a face for some seconds, labelled by its most probable class, or as told."""
    label = int(probabilities.argmax()) if label is None else label
    for time in begin + np.arange(round(seconds * rate) + 1) / rate:
        baseline.learn(track, probabilities, label, time)
    return baseline


AT_REST = mixed(happy=0.004)
SLIGHT_SMILE = mixed(happy=0.3)


def test_a_slight_smile_of_a_face_that_shows_nothing_at_rest_is_happy():
    baseline = show(PersonalBaseline(), AT_REST)
    assert baseline.correct(1, AT_REST).argmax() == NEUTRAL
    assert baseline.correct(1, SLIGHT_SMILE).argmax() == HAPPY


def test_a_face_that_looks_sad_at_rest_is_neutral():
    sad_at_rest = mixed(sad=0.6)
    baseline = show(PersonalBaseline(), sad_at_rest)
    assert baseline.correct(1, sad_at_rest).argmax() == NEUTRAL
    assert baseline.correct(1, mixed(sad=0.97)).argmax() == SAD, "and sad where it is sadder than that"


def test_each_class_is_moved_to_the_same_log_odds():
    rest = mixed(happy=0.02, sad=0.2, angry=0.05)
    shown = log_odds(show(PersonalBaseline(), rest).correct(1, rest))
    assert shown[[HAPPY, SAD, ANGRY]] == pytest.approx([REST_LOG_ODDS] * 3, abs=1e-4)


@pytest.mark.parametrize("rest", [pytest.param(mixed(sad=0.95), id="far above"), pytest.param(mixed(), id="far below")])
def test_no_correction_is_larger_than_the_limit(rest):
    baseline = show(PersonalBaseline(), rest)
    moved = log_odds(baseline.correct(1, np.full(7, 1 / 7, np.float32)))
    assert np.abs(moved).max() == pytest.approx(MAX_SHIFT, abs=1e-4)
    assert moved[NEUTRAL] == 0


@pytest.mark.parametrize(
    ("seconds", "known"),
    [pytest.param(BASELINE_SECONDS - 0.1, False, id="before"), pytest.param(BASELINE_SECONDS, True, id="after")],
)
@pytest.mark.parametrize("rate", [5, 30, 120])
def test_probabilities_are_as_they_are_until_the_seconds_are_over(seconds, known, rate):
    corrected = show(PersonalBaseline(), AT_REST, seconds=seconds, rate=rate).correct(1, SLIGHT_SMILE)
    assert (corrected.argmax() == HAPPY) == known
    assert known or corrected is SLIGHT_SMILE


def test_few_frames_take_longer():
    assert show(PersonalBaseline(), AT_REST, rate=2).correct(1, SLIGHT_SMILE) is SLIGHT_SMILE
    assert show(PersonalBaseline(), AT_REST, rate=2, seconds=5).correct(1, SLIGHT_SMILE).argmax() == HAPPY


@pytest.mark.parametrize("label", [*(EMOTIONS.index(name) for name in ("happy", "surprise", "fear", "disgust")), -1])
def test_a_face_that_is_not_at_rest_teaches_nothing(label):
    baseline = PersonalBaseline()
    for time in np.arange(0, 10, 0.05):
        baseline.learn(1, mixed(happy=0.4), None if label < 0 else label, time)
    assert baseline.correct(1, SLIGHT_SMILE) is SLIGHT_SMILE


def test_who_begins_with_a_smile_is_learnt_when_it_is_over():
    baseline = show(PersonalBaseline(), mixed(happy=0.9), seconds=5)
    show(baseline, AT_REST, begin=5.1, seconds=BASELINE_SECONDS - 0.1)
    assert baseline.correct(1, SLIGHT_SMILE) is SLIGHT_SMILE
    show(baseline, AT_REST, begin=5.1 + BASELINE_SECONDS, seconds=0.1)
    assert baseline.correct(1, SLIGHT_SMILE).argmax() == HAPPY


def test_a_label_that_changes_begins_anew():
    baseline = PersonalBaseline()
    for begin in range(0, 20, 2):
        show(baseline, AT_REST, begin=begin, seconds=1.9, label=NEUTRAL if begin % 4 else SAD)
    assert baseline.correct(1, SLIGHT_SMILE) is SLIGHT_SMILE


@pytest.mark.parametrize(
    ("every", "part_of_it"),
    [
        pytest.param(4, True, id="what comes and goes belongs to the face at rest"),
        pytest.param(16, False, id="a single frame does not"),
    ],
)
def test_an_expression_that_a_face_has_now_and_then_at_rest(every, part_of_it):
    baseline = PersonalBaseline()
    for i in range(31):
        baseline.learn(1, mixed(happy=0.3) if i % every == 1 else AT_REST, NEUTRAL, i / 10)
    assert (baseline.correct(1, SLIGHT_SMILE).argmax() == NEUTRAL) == part_of_it


def test_a_baseline_stays_when_the_expression_changes_for_long():
    baseline = show(PersonalBaseline(), AT_REST)
    show(baseline, mixed(sad=0.9), begin=4, seconds=20)
    assert baseline.correct(1, mixed(sad=0.9)).argmax() == SAD


def test_faces_do_not_mix_and_a_new_track_begins_anew():
    baseline = show(show(PersonalBaseline(), AT_REST, track=1), mixed(sad=0.6), track=2)
    assert baseline.correct(1, mixed(sad=0.6)).argmax() == SAD
    assert baseline.correct(2, mixed(sad=0.6)).argmax() == NEUTRAL
    assert baseline.correct(3, SLIGHT_SMILE) is SLIGHT_SMILE


def test_a_face_that_is_forgotten_leaves_nothing():
    baseline = show(show(PersonalBaseline(), AT_REST, track=1), AT_REST, track=2)
    baseline.keep({2})
    assert baseline.correct(1, SLIGHT_SMILE) is SLIGHT_SMILE
    assert baseline.correct(2, SLIGHT_SMILE).argmax() == HAPPY


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(np.arange(0, BASELINE_SECONDS, 1 / 1000), id="a thousand frames a second"),
        pytest.param(np.zeros(1000), id="a clock that stands still"),
        pytest.param(np.arange(1000, 0, -1.0), id="a clock that runs backwards"),
    ],
)
def test_the_memory_of_a_face_is_bounded(times):
    baseline = PersonalBaseline()
    for time in times:
        baseline.learn(1, AT_REST, NEUTRAL, float(time))
    assert kept_bytes(baseline) < 300 * (BASELINE_SECONDS / INTERVAL + 1)


@pytest.mark.parametrize("seed", range(10))
def test_no_label_is_contradicted_by_the_corrected_probabilities(seed):
    """The correction comes before the smoother, which makes label and averages of the same probabilities."""
    generator, settings = np.random.default_rng(seed), Smoothing()
    baseline, smoother = show(PersonalBaseline(), mixed(sad=0.4), begin=-4.0), Smoother(settings, 1.0)
    for i, seen in enumerate(wandering(generator, 400)):
        shown, label = smoother.update(1, baseline.correct(1, seen), i / 30)
        assert shown.dtype == np.float32
        assert shown.sum() == pytest.approx(1, abs=1e-5)
        assert label is None or shown.max() - shown[label] < settings.margin
