"""Several cameras together and apart, in real processes."""

import pytest

from benchmarks.measure import cameras
from benchmarks.measure.cameras import EACH, ONE, SEVERAL_CAMERAS, measure_cameras
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError


@pytest.mark.slow
def test_both_ways_are_run_and_compared(plan, monkeypatch):
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)
    monkeypatch.setattr(cameras, "MEASURED_CAMERAS", 2)
    monkeypatch.setattr(cameras, "SHORT_SECONDS", 0.5)
    monkeypatch.setattr(cameras, "LONG_SECONDS", 1.5)
    rows = measure_cameras(plan)
    assert [row["run"] for row in rows] == [ONE, EACH]
    one, each = rows
    assert 0 < one["memory"]["p50"] < each["memory"]["p50"]
    assert one["start"]["p50"] > 0
    assert one["age"]["p50"] > 0
    text = SEVERAL_CAMERAS.text(rows)
    assert "| one process |" in text
    assert "100%" in text
