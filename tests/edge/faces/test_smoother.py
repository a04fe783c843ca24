"""Labels that are steady in time, whatever the frame rate."""

import math

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.faces.smoother import Smoother, Smoothing

from ..stand_ins import likely, wandering

A, B = 3, 5
AS_IS = Smoothing(time_constant=0)
AT_ONCE = Smoothing(time_constant=1e-9, dwell=math.inf)
"""As good as without averaging, but with hysteresis, in which time does not count."""


def after_step(settings, times):
    """Probability of B when a face that was surely A at 0 is surely B at each of `times`."""
    smoother = Smoother(settings, 1.0)
    smoother.update(1, np.eye(7, dtype=np.float32)[A], 0.0)
    for t in times:
        probabilities, _ = smoother.update(1, np.eye(7, dtype=np.float32)[B], t)
    return probabilities[B]


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("rate", [10, 30, 100])
def test_a_change_goes_its_way_in_time_not_in_frames(rate, seconds):
    times = np.append(np.arange(1, seconds * rate) / rate, seconds)
    assert after_step(Smoothing(time_constant=0.25), times) == pytest.approx(1 - math.exp(-seconds / 0.25), abs=1e-5)


def test_frames_at_uneven_times_end_where_even_ones_do():
    settings = Smoothing(time_constant=0.4)
    assert after_step(settings, [0.01, 0.02, 0.3, 0.31, 0.5]) == pytest.approx(after_step(settings, [0.5]), abs=1e-5)


def test_without_a_time_constant_each_frame_is_taken_as_it_is():
    assert after_step(AS_IS, [0.001]) == 1


def test_a_frame_that_is_older_than_the_last_changes_nothing():
    assert after_step(Smoothing(time_constant=0.25), [-0.5]) == 0


def test_the_first_frame_of_a_face_is_taken_as_it_is():
    probabilities, label = Smoother(Smoothing(), 1.0).update(1, likely(B), 5.0)
    assert probabilities == pytest.approx(likely(B))
    assert label == B


def test_averages_stay_probabilities_and_leave_their_input_alone():
    smoother, given = Smoother(Smoothing(), 1.0), likely(A)
    for i in range(20):
        probabilities, _ = smoother.update(1, given if i == 0 else likely(i % 7, 0.9), i / 30)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(EMOTIONS),)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (given == likely(A)).all()


def two(a, b):
    """Probabilities of A and B; the others share the rest, and are always behind."""
    values = np.full(7, (1 - a - b) / 5, np.float32)
    values[[A, B]] = a, b
    return values


@pytest.mark.parametrize(
    ("frames", "labels"),
    [
        pytest.param([(0.5, 0.3), (0.4, 0.45)], [A, A], id="a little more probable is not enough"),
        pytest.param([(0.5, 0.3), (0.4, 0.55)], [A, B], id="more probable by the margin"),
        pytest.param([(0.5, 0.3), (0.3, 0.6), (0.5, 0.45)], [A, B, B], id="and back only by the margin"),
        pytest.param([(0.5, 0.45), (0.45, 0.5)] * 3, [A] * 6, id="no flicker about the tie"),
        pytest.param([(0.45, 0.5)], [B], id="the first label needs no margin"),
        pytest.param([(0.34, 0.2)], [None], id="unsure"),
        pytest.param([(0.36, 0.2)], [A], id="just sure"),
        pytest.param([(0.5, 0.3), (0.31, 0.2)], [A, A], id="a little less sure than it takes to begin"),
        pytest.param([(0.5, 0.3), (0.31, 0.33)], [A, A], id="between two that are both too improbable to begin"),
        pytest.param([(0.5, 0.3), (0.19, 0.3), (0.36, 0.42)], [A, None, B], id="an unsure face has no label to hold"),
        pytest.param([(0.3, 0.2), (0.5, 0.3)], [None, A], id="sure at last"),
    ],
)
def test_labels(frames, labels):
    smoother = Smoother(AT_ONCE, 1.0)
    assert [smoother.update(1, two(*p), i / 10)[1] for i, p in enumerate(frames)] == labels


AHEAD, BEHIND, FAR_BEHIND = (0.5, 0.3), (0.42, 0.48), (0.3, 0.6)


@pytest.mark.parametrize(
    ("frames", "labels"),
    [
        pytest.param([AHEAD, FAR_BEHIND], [A, B], id="a clear lead counts at once"),
        pytest.param([AHEAD, *[BEHIND] * 5], [A, A, A, A, B, B], id="a small one after the dwell time"),
        pytest.param([AHEAD, *[BEHIND, BEHIND, BEHIND, AHEAD] * 3], [A] * 13, id="which begins anew with each lead"),
        pytest.param(
            [AHEAD, BEHIND, BEHIND, FAR_BEHIND, *[(0.48, 0.42)] * 4],
            [A, A, A, B, B, B, B, A],
            id="and with each label",
        ),
        pytest.param(
            [AHEAD, *[(0.31, 0.33)] * 5], [A, A, A, A, None, None], id="a small lead of what is too improbable"
        ),
        pytest.param([AHEAD, *[(0.31, 0.2)] * 5], [A] * 6, id="a little less sure than it takes to begin"),
        pytest.param([AHEAD, *[(0.29, 0.2)] * 5], [A, A, A, A, None, None], id="not sure for the dwell time"),
        pytest.param(
            [AHEAD, (0.29, 0.3), (0.29, 0.36), (0.29, 0.36)], [A] * 4, id="what follows need not begin with none"
        ),
        pytest.param([(0.2, 0.2), AHEAD], [None, A], id="the first label comes at once"),
    ],
)
def test_how_long_a_label_holds(frames, labels):
    smoother = Smoother(Smoothing(time_constant=1e-9, dwell=0.3), 1.0)
    assert [smoother.update(1, two(*p), i * 0.1001)[1] for i, p in enumerate(frames)] == labels


def test_a_clock_that_is_set_back_does_not_prolong_the_hold():
    smoother = Smoother(Smoothing(time_constant=1e-9, dwell=0.3), 1.0)
    smoother.update(1, two(*AHEAD), 3600.0)
    seen = [smoother.update(1, two(*BEHIND), t)[1] for t in (3600.1, 0.2, 0.3, 0.4, 0.51)]
    assert seen == [A, A, A, A, B]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(Smoothing(), id="default"),
        pytest.param(AS_IS, id="without averaging"),
        pytest.param(Smoothing(time_constant=2.0), id="slow"),
        pytest.param(Smoothing(time_constant=0.05, margin=0.3, dwell=2.0), id="wide and long"),
        pytest.param(Smoothing(margin=0.0), id="without a margin"),
        pytest.param(Smoothing(slack=0.35, unsure_below=0.5), id="much slack"),
    ],
)
@pytest.mark.parametrize("seed", range(20))
def test_no_label_is_contradicted_by_the_probabilities_beside_it(settings, seed):
    generator = np.random.default_rng(seed)
    smoother = Smoother(settings, memory=1.0)
    most = settings.margin if settings.time_constant > 0 else 0.0
    floor, time, weak_since = settings.unsure_below - settings.slack, 0.0, None
    for seen in wandering(generator, 400):
        time += generator.choice([0.01, 1 / 30, 0.1, 0.9])
        probabilities, label = smoother.update(1, seen, time)
        if label is None:
            assert probabilities.max() < settings.unsure_below, "a clear emotion has a label"
        else:
            own, highest = float(probabilities[label]), float(probabilities.max())
            assert highest == own or highest - own < most
            weak = highest > own or own < floor
            weak_since = (time if weak_since is None else weak_since) if weak else None
            assert weak_since is None or time - weak_since < settings.dwell


def test_frames_that_are_taken_as_they_are_have_labels_of_their_own():
    smoother = Smoother(AS_IS, 1.0)
    assert [smoother.update(1, likely(label), i / 100)[1] for i, label in enumerate((A, B, A))] == [A, B, A]


def test_faces_do_not_mix():
    smoother = Smoother(Smoothing(), 1.0)
    for i in range(5):
        first, one = smoother.update(1, likely(A), i / 10)
        second, other = smoother.update(2, likely(B), i / 10)
    assert (one, other) == (A, B)
    assert first == pytest.approx(likely(A), abs=1e-6)
    assert second == pytest.approx(likely(B), abs=1e-6)


@pytest.mark.parametrize(
    ("away", "remembered"),
    [pytest.param(0.9, True, id="within the memory"), pytest.param(1.1, False, id="beyond the memory")],
)
def test_a_face_that_is_away_too_long_is_forgotten(away, remembered):
    smoother = Smoother(Smoothing(time_constant=10), memory=1.0)
    smoother.update(1, likely(A), 50.0)
    smoother.keep([], 50.0 + away)
    probabilities, label = smoother.update(1, likely(B), 50.0 + away)
    assert (label == A) == remembered
    assert np.allclose(probabilities, likely(B), atol=1e-6) != remembered


def test_forgetting_keeps_the_faces_that_are_here():
    smoother = Smoother(Smoothing(time_constant=10), memory=1.0)
    smoother.update(1, likely(A), 0.0)
    smoother.update(2, likely(A), 2.0)
    smoother.keep([], 2.5)
    assert [smoother.update(n, likely(B), 2.5)[1] for n in (1, 2)] == [B, A]


def test_a_face_that_is_there_is_remembered_however_seldom_it_is_read():
    smoother = Smoother(Smoothing(time_constant=10), memory=1.0)
    smoother.update(1, likely(A), 0.0)
    for time in (0.8, 1.6, 2.4):
        smoother.keep([1], time)
    assert smoother.update(1, likely(B), 2.5)[1] == A
