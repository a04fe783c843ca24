"""Frames keep coming from a camera that is lost and found again."""

import threading

import pytest

from edge.capture import FIRST_PAUSE, LONGEST_PAUSE, frames
from edge.errors import UserError

from .stand_ins import ScriptedSource


class Patience:
    """A stop event whose waits take no time; it is set when it has been waited for `limit` times."""

    def __init__(self, limit=100):
        self.pauses, self._limit = [], limit

    def is_set(self):
        return len(self.pauses) >= self._limit

    def wait(self, pause):
        self.pauses.append(pause)
        return self.is_set()


def reopening(*outcomes):
    """Gives sources, or raises errors, one after the other."""
    remaining = list(outcomes)

    def reopen():
        outcome = remaining.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return reopen


NO_CAMERA = UserError("camera 0: no camera found", "plug one in")


def test_a_recording_ends_with_its_last_frame():
    source = ScriptedSource(3)
    stream = frames(source, reopening(), Patience())
    assert [frame.seq for frame in stream] == [0, 1, 2]
    assert source.closed == 1


def test_a_live_source_that_cannot_be_reopened_ends_with_its_last_frame():
    source = ScriptedSource(3, live=True)
    assert len(list(frames(source, None, Patience()))) == 3
    assert source.closed == 1


def test_a_lost_camera_is_reopened_and_numbers_go_on():
    cameras = [ScriptedSource(n, live=True) for n in (3, 1, 2)]
    stop = Patience(limit=3)
    stream = frames(cameras[0], reopening(*cameras[1:]), stop)
    assert [frame.seq for frame in stream] == [0, 1, 2, 3, 4, 5]
    assert stop.pauses == [FIRST_PAUSE] * 3
    assert [camera.closed for camera in cameras] == [1, 1, 1]


def test_pauses_grow_to_a_limit():
    stop = Patience()
    stream = frames(ScriptedSource(0, live=True), reopening(*[NO_CAMERA] * 9, ScriptedSource(1, live=True)), stop)
    assert next(stream).seq == 0
    assert stop.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (0.5, 30)


def test_the_user_is_told_of_loss_and_return(caplog):
    stream = frames(ScriptedSource(0, live=True), reopening(NO_CAMERA, ScriptedSource(1, live=True)), Patience())
    next(stream)
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        "scripted: lost, trying to open it again",
        "scripted: back",
    ]


def test_stop_ends_the_wait_for_a_camera():
    source = ScriptedSource(1, live=True)
    stream = frames(source, reopening(*[NO_CAMERA] * 5), Patience(limit=3))
    assert [frame.seq for frame in stream] == [0]
    assert source.closed == 1


@pytest.mark.parametrize("live", [False, True])
def test_stop_is_looked_at_between_two_frames(live):
    stop, source = threading.Event(), ScriptedSource(10, live=live)
    stream = frames(source, reopening(), stop)
    assert next(stream).seq == 0
    stop.set()
    assert list(stream) == []
    assert (source.given, source.closed) == (1, 1)


def test_whoever_stops_listening_closes_the_source():
    source = ScriptedSource(10)
    stream = frames(source, None, threading.Event())
    next(stream)
    stream.close()
    assert source.closed == 1


@pytest.mark.parametrize("error", [UserError("b.png: not an image", "take it out"), RuntimeError("driver")])
def test_an_error_of_the_source_is_not_a_loss(error):
    def fail(i):
        if i == 2:
            raise error

    source = ScriptedSource(5, live=True, before_read=fail)
    stream = frames(source, reopening(), Patience())
    assert [next(stream).seq, next(stream).seq] == [0, 1]
    with pytest.raises(type(error)) as caught:
        next(stream)
    assert caught.value is error
    assert source.closed == 1


def test_a_bug_in_reopening_is_not_waited_out():
    stream = frames(ScriptedSource(0, live=True), reopening(ZeroDivisionError()), Patience())
    with pytest.raises(ZeroDivisionError):
        next(stream)
