"""Changes, delays and contradictions are found in labels that are known."""

import numpy as np
import pytest

from benchmarks.measure.label_stability import LabelStability, Lag, lag, report, watch
from edge.app.demo import write_demo_clip
from edge.base.settings import DEFAULT_BUNDLE, Options

NONE = -1


def stability(labels, shown=None, rate=30):
    """Labels beside probabilities of 0.7 for the class of `shown`, the label where nothing else is said."""
    labels = np.array(labels)
    shown = labels if shown is None else np.array(shown)
    probabilities = np.where(np.arange(7) == shown[:, None], 0.7, 0.05).astype(np.float32)
    return LabelStability(np.arange(len(labels)) / rate, labels, probabilities, events=3)


PLAIN = np.repeat([1, 4, 1, 6, 4], 30)


@pytest.mark.parametrize("late", [0, 3, 9])
def test_a_delay_is_found(late):
    shifted = np.concatenate([np.full(late, 1), PLAIN[: len(PLAIN) - late]])
    found = lag(stability(shifted), stability(PLAIN))
    assert found.median == pytest.approx(late / 30)
    assert (found.followed, found.all) == (4, 4)


def test_changes_that_are_not_followed_are_counted():
    assert lag(stability(np.full(len(PLAIN), 1)), stability(PLAIN)) == Lag(None, 0, 4)


def test_the_ideal_label_does_not_change_for_single_frames():
    noisy = PLAIN.copy()
    noisy[10::30] = 2
    assert lag(stability(PLAIN), stability(noisy)) == Lag(pytest.approx(0.0), 4, 4)


def test_changes_are_a_minutes():
    assert stability([1] * 30 + [NONE] * 30 + [1] * 31).changes_a_minute == pytest.approx(40)


def test_contradictions_are_found():
    found = stability([1, 1, 1, NONE], shown=[1, 2, 1, 5])
    assert found.contradicted == 0.25
    assert found.deficits == pytest.approx([0, 0.65, 0, 0])


def test_the_table():
    found = stability([1] * 31 + [2] * 30)
    last = report([("plain", found, Lag(0.1, 1, 2))]).splitlines()[-1]
    assert [cell.strip() for cell in last.strip("|").split("|")] == [
        *("plain", "30.0", "100.0%", "0.0%", "0.00", "100", "1 of 2", "3")
    ]


@pytest.mark.usefixtures("yunet")
def test_a_clip_is_watched(tmp_path):
    write_demo_clip(tmp_path / "clip.mp4")
    found = watch(tmp_path / "clip.mp4", Options(model=DEFAULT_BUNDLE))
    assert len(found.labels) == len(found.times) == len(found.probabilities) > 50
    assert 0 < found.seconds < 8
    assert found.deficits.max() < Options().smoothing.margin
