"""The time in pictures."""

import time

import pytest

from edge.app.run_outputs import clock
from edge.base.settings import Run
from edge.outputs.clock import Clock, elapsed

from ..stand_ins import ScriptedSource


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.0, "0:00.0"), (0.29999995, "0:00.3"), (9.96, "0:09.9"), (59.96, "0:59.9"), (60.0, "1:00.0")),
        *((754.25, "12:34.2"), (3599.99, "59:59.9"), (3600.0, "1:00:00.0"), (45296.7, "12:34:56.7"), (-5.0, "0:00.0")),
    ],
)
def test_durations(seconds, text):
    assert elapsed(seconds) == text


def test_a_recording_shows_the_time_since_its_first_frame():
    clock = Clock(live=False)
    assert [clock.text(1763800000.123 + t) for t in (0, 0.5, 75.04)] == ["0:00.0", "0:00.5", "1:15.0"]


def test_what_is_live_shows_date_and_time_here(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        assert Clock(live=True).text(1763800000.9) == "2025-11-22 09:26:40"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("spec", "live", "text"),
    [
        pytest.param("clip.mp4", False, "0:00.0", id="recording"),
        pytest.param("clip.mp4", True, "0:00.0", id="recording that plays like a camera"),
        pytest.param("-", False, "0:00.0", id="frames of another program"),
        pytest.param("0", True, "20", id="camera"),
        pytest.param("-", True, "20", id="frames that are about now"),
    ],
)
def test_which_time_is_shown(spec, live, text):
    shown = clock(Run(spec), ScriptedSource(1, live=live))
    assert shown.text(1763800000.0).startswith(text)
