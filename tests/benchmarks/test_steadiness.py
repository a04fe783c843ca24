"""Changes are counted and delays found in labels that are known."""

import numpy as np
import pytest

from benchmarks.steadiness import Steadiness, lag, report, watch
from edge.bundle import DEFAULT_BUNDLE
from edge.demo import write_demo_clip
from edge.options import Options


def steadiness(labels, rate=30):
    labels = np.array(labels)
    times = np.arange(len(labels)) / rate
    return Steadiness(times[-1], int((labels[1:] != labels[:-1]).sum()), float((labels >= 0).mean()), labels, times)


@pytest.mark.parametrize("late", [0, 3, 9])
def test_a_delay_is_found(late):
    plain = np.repeat([1, 4, 1, 6, 4], 30)
    shifted = np.concatenate([np.full(late, 1), plain[: len(plain) - late]])
    assert lag(steadiness(shifted), steadiness(plain)) == pytest.approx(late / 30)


def test_changes_are_a_minutes():
    assert steadiness([1] * 30 + [-1] * 30 + [1] * 31).changes_a_minute == pytest.approx(40)


def test_the_table():
    found = steadiness([1] * 31 + [2] * 30)
    last = report([("plain", found, 0.1)]).splitlines()[-1]
    assert [cell.strip() for cell in last.strip("|").split("|")] == ["plain", "30.0", "100.0%", "100"]


@pytest.mark.usefixtures("yunet")
def test_a_clip_is_watched(tmp_path):
    write_demo_clip(tmp_path / "clip.mp4")
    found = watch(tmp_path / "clip.mp4", Options(model=DEFAULT_BUNDLE))
    assert len(found.labels) == len(found.times) > 50
    assert 0 < found.seconds < 8
