"""Faults happen, and what is seen of them is told. Nothing is asserted about how many seconds it took."""

import threading
import time
from pathlib import Path

import pytest

from benchmarks import faulty_command, faulty_pipeline
from benchmarks.faults import _fault
from benchmarks.faulty_command import Seen
from benchmarks.faulty_pipeline import Trouble
from edge import capture
from edge.bundle import load_bundle
from edge.options import Options
from edge.recognize import Recognizer
from edge.results import FrameResult
from tests.edge.stand_ins import frame

pytestmark = pytest.mark.usefixtures("yunet")


@pytest.fixture
def hurry(monkeypatch, no_threads_left):
    """A quarter of the time for everything that is waited for, and an end of what hangs."""
    monkeypatch.setattr(faulty_pipeline, "FOREVER", threading.Event())
    for name in ("SILENCE", "STILLNESS", "FIRST_PAUSE"):
        monkeypatch.setattr(capture, name, getattr(capture, name) / 4)
    monkeypatch.setattr(faulty_pipeline, "AFTERWARDS", 0.1)
    monkeypatch.setattr(faulty_pipeline, "WHOLE", 0.5)
    yield
    faulty_pipeline.FOREVER.set()


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("name", faulty_pipeline.FAULTS)
def test_what_happens_inside(name, bundle):
    seen = faulty_pipeline.FAULTS[name](Recognizer.from_options(Options(model=bundle, variant="int8")))
    ends = name == "exception in a stage"
    assert seen.outcome == ("ends with the exception" if ends else "goes on")
    # Noise looks like any picture; and what an output's queue has room for, as on a slow machine, is no loss.
    assert (seen.noticed is None) == (name == "frames of noise, 2 s" or seen.lost == 0)
    assert (seen.recovered is None) == ends
    if seen.recovered is not None and seen.noticed is not None:
        assert 0 <= seen.noticed < seen.recovered


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("camera absent", "ends with status 2"),
        ("recording cut off", "ends with status 2"),
        ("frames stop, the pipe stays", "ends with status 0"),
        ("disk full at the start", "ends with status 2"),
        ("SIGTERM", "ends with status 0"),
    ],
)
def test_what_happens_from_outside(name, outcome, bundle, clip):
    if name == "disk full at the start" and not Path(faulty_command.FULL_DISK).exists():
        pytest.skip("this system has no disk that is always full")
    seen = faulty_command.FAULTS[name](load_bundle(bundle, "int8"), clip, 1)
    assert seen.outcome == outcome
    assert seen.noticed is not None and seen.noticed > 0
    assert seen.recovered is None
    assert (seen.lost is None) == (name != "SIGTERM")


def test_every_fault_is_tried():
    assert {*faulty_command.FAULTS, *faulty_pipeline.FAULTS} == {
        *("camera absent", "recording cut off", "frames stop, the pipe stays", "disk full at the start", "SIGTERM"),
        *("camera lost", "read never returns", "picture frozen", "frames of noise, 2 s", "output blocks, 2 s"),
        "exception in a stage",
    }


def test_rounds_become_one_row_with_the_worst_of_what_was_lost():
    runs = [Seen("goes on", 1.0, 2.0, 3, -100), Seen("goes on", 3.0, 4.0, 5, 700)]
    row = _fault("name", runs)
    assert (row.fault, row.outcome, row.lost, row.growth) == ("name", "goes on", 5, 700)
    assert (row.noticed.p50, row.recovered.p50) == (2.0, 3.0)
    mixed = _fault("name", [*runs, Seen("ends with status -6", 1.0, None, None, 0)])
    assert mixed.outcome == "goes on or ends with status -6"
    assert mixed.recovered is None, "it did not recover in each round"


def test_an_old_frame_is_no_recovery():
    trouble, old = Trouble(), FrameResult(frame(0), (), 0.0)
    trouble.notice()
    assert trouble.noticed is None, "there was nothing to notice yet"
    trouble.begin()
    trouble.over = time.monotonic()
    trouble.look(old)
    assert (old.frame.arrived < trouble.over, trouble.recovered) == (True, None)
    trouble.look(FrameResult(frame(1), (), 0.0))
    assert trouble.recovered is not None
