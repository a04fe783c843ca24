"""The cost of outputs, with the real ones."""

import shutil

import pytest

from benchmarks.measure import outputs
from benchmarks.measure.outputs import BROKERS, NONE, OPTIONS, measure_outputs
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError

pytest.importorskip("paho", reason="the extra 'mqtt' is not installed")
pytest.importorskip("starlette", reason="the extra 'web' is not installed")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mosquitto", path=BROKERS) is None, reason="mosquitto is not installed")
def test_every_output_is_run_and_compared_with_none(plan, monkeypatch):
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)
    monkeypatch.setattr(outputs, "WATCHED_SECONDS", 1.0)
    rows = measure_outputs(plan)
    assert [row["output"] for row in rows] == list(OPTIONS)
    assert all(0 < row["cpu"]["p50"] < 1.1 for row in rows)
    assert rows[0]["output"] == NONE and rows[0]["more"] == 0


def test_without_a_broker_nothing_is_measured(plan, monkeypatch):
    monkeypatch.setattr(outputs, "BROKERS", "/nowhere")
    with pytest.raises(UserError, match="no MQTT broker"):
        measure_outputs(plan)
