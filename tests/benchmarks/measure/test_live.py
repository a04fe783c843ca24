"""The course of a run, in few points."""

import numpy as np

from benchmarks.measure.live import thinned


def test_the_oldest_frames_stay_and_the_points_are_few():
    ages = np.full(450, 9.0)
    ages[[3, 222, 449]] = 50.0, 60.0, 70.0
    seconds, kept = thinned([{"t": i / 30, "latency_ms": age} for i, age in enumerate(ages)], 100).values()
    assert len(seconds) == len(kept) == 100
    assert [age for age in kept if age > 9] == [50.0, 60.0, 70.0]
    assert [second for second, age in zip(seconds, kept, strict=True) if age > 9] == [3 / 30, 222 / 30, 449 / 30]


def test_few_points_stay_as_they_are():
    records = [{"t": 7.0, "latency_ms": 5.0}, {"t": 7.5, "latency_ms": 6.0}]
    assert thinned(records, 100) == {"seconds": [0.0, 0.5], "ages_ms": [5.0, 6.0]}
