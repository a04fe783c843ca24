"""Changes, delays and contradictions are found in labels that are known."""

import numpy as np
import pytest

from benchmarks.measure.label_stability import Labels, stability, watch
from edge.app.demo import write_demo_clip
from edge.base.settings import DEFAULT_BUNDLE, Options

NONE = -1


def labels(shown, probable=None, rate=30):
    """Labels beside probabilities of 0.7 for the class of `probable`, the label where nothing else is said."""
    shown = np.array(shown)
    most = shown if probable is None else np.array(probable)
    probabilities = np.where(np.arange(7) == most[:, None], 0.7, 0.05).astype(np.float32)
    return Labels(np.arange(len(shown)) / rate, shown, probabilities, events=3)


PLAIN = np.repeat([1, 4, 1, 6, 4], 30)


@pytest.mark.parametrize("late", [0, 3, 9])
def test_a_delay_is_found(late):
    shifted = np.concatenate([np.full(late, 1), PLAIN[: len(PLAIN) - late]])
    found = stability(labels(shifted), labels(PLAIN))
    assert found["median_lag"] == pytest.approx(late / 30)
    assert found["followed"] == "4 of 4"


def test_changes_that_are_not_followed_are_counted():
    found = stability(labels(np.full(len(PLAIN), 1)), labels(PLAIN))
    assert (found["median_lag"], found["followed"], found["changes_a_minute"]) == (None, "0 of 4", 0)


def test_the_ideal_label_does_not_change_for_single_frames():
    noisy = PLAIN.copy()
    noisy[10::30] = 2
    assert stability(labels(PLAIN), labels(noisy))["followed"] == "4 of 4"


def test_changes_are_a_minutes_and_contradictions_are_found():
    changing = labels([1] * 30 + [NONE] * 30 + [1] * 31)
    assert stability(changing, changing)["changes_a_minute"] == pytest.approx(40)
    contradicted = labels([1, 1, 1, NONE], probable=[1, 2, 1, 5])
    found = stability(contradicted, contradicted)
    assert (found["contradicted"], found["labelled"]) == (0.25, 0.75)
    assert found["largest_deficit"] == pytest.approx(0.65)


@pytest.mark.usefixtures("yunet")
def test_a_clip_is_watched(tmp_path):
    write_demo_clip(tmp_path / "clip.mp4")
    found = watch(tmp_path / "clip.mp4", Options(model=DEFAULT_BUNDLE))
    assert len(found.labels) == len(found.times) == len(found.probabilities) > 50
    assert 0 < found.times[-1] < 8
    assert stability(found, found)["largest_deficit"] < Options().smoothing.margin
