"""One camera of several, stopped at any moment."""

import threading
from types import SimpleNamespace

import pytest

from edge.app.camera_run import CameraRun
from edge.base.settings import EventLimits
from edge.pipeline.gate import Gate

from ..patience import LONG, patiently
from ..stand_ins import ScriptedRecognizer, ScriptedSource

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def camera():
    """A camera without end, and the event that its owner sets; `camera.opens.outputs` may be replaced."""
    source, stop = ScriptedSource(10**9, live=True), threading.Event()
    opens = SimpleNamespace(open=lambda: source, outputs=lambda source: [], source=source)
    run = CameraRun("porch", ScriptedRecognizer(), Gate(), opens, EventLimits(), stop, waits=False)
    return run, opens, stop


def test_a_camera_that_runs_is_stopped(camera):
    run, opens, stop = camera
    run.start()
    assert patiently(lambda: run.statistics.count_of("frames"))
    assert run.running
    stop.set()
    run.stop()
    run.join(LONG)
    assert (run.ended, run.status, opens.source.closed) == (True, 0, 1)


def test_a_stop_before_its_outputs_are_open_is_not_missed(camera):
    run, opens, stop = camera

    def outputs(source):
        stop.set()
        run.stop()
        return []

    opens.outputs = outputs
    run.start()
    run.join(LONG)
    assert (run.ended, run.status, opens.source.closed) == (True, 0, 1)
