"""Frames keep coming from a camera that is lost, silent or frozen, and found again."""

import threading
import time

import numpy as np
import pytest

from edge.base.errors import UserError
from edge.pipeline import feed
from edge.pipeline.feed import FIRST_RETRY_DELAY, MAX_RETRY_DELAY, Feed, opened
from edge.sources.pixels import BgrPixels

from ..stand_ins import ScriptedSource, frame


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
    """Give sources, or raise errors, one after the other."""
    remaining = list(outcomes)

    def reopen():
        outcome = remaining.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return reopen


NO_CAMERA = UserError("camera 0: no camera found", "plug one in")


def captured(source, reopen, stop=None, deliver=None):
    """Numbers of the frames that came, and what was noted on the way."""
    numbers, notes = [], []

    def keep(given):
        numbers.append(given.seq)
        if deliver:
            deliver(given)

    Feed(source, reopen, stop or threading.Event(), keep, notes.append).run()
    return numbers, notes


@pytest.fixture
def hurry(monkeypatch):
    """A tenth of the time for everything that is waited for."""
    for name in ("FRAME_TIMEOUT", "FROZEN_TIMEOUT", "TICK", "FIRST_RETRY_DELAY"):
        monkeypatch.setattr(feed, name, getattr(feed, name) / 10)


class Flicker(ScriptedSource):
    """A live source, every 10 ms a picture of another brightness."""

    def __init__(self, total=10**9, before_read=lambda i: time.sleep(0.01), levels=256):
        super().__init__(total, live=True, before_read=before_read)
        self._levels = levels

    def read(self):
        given = super().read()
        return given and frame(given.seq, np.full((48, 64, 3), given.seq % self._levels, np.uint8))


def test_a_recording_ends_with_its_last_frame():
    source = ScriptedSource(3)
    assert captured(source, reopening()) == ([0, 1, 2], [])
    assert source.closed == 1


def test_a_live_source_that_cannot_be_reopened_ends_with_its_last_frame():
    source = ScriptedSource(3, live=True)
    assert captured(source, None) == ([0, 1, 2], [])
    assert source.closed == 1


def test_a_lost_camera_is_reopened_and_numbers_go_on():
    cameras = [ScriptedSource(n, live=True) for n in (3, 1, 2)]
    stop = Patience(limit=3)
    assert captured(cameras[0], reopening(*cameras[1:]), stop) == (
        [0, 1, 2, 3, 4, 5],
        ["lost", "back", "lost", "back", "lost"],
    )
    assert stop.pauses == [FIRST_RETRY_DELAY] * 3
    assert [camera.closed for camera in cameras] == [1, 1, 1]


def test_pauses_grow_to_a_limit():
    stop = Patience(limit=11)
    cameras = reopening(*[NO_CAMERA] * 9, ScriptedSource(1, live=True))
    assert captured(ScriptedSource(0, live=True), cameras, stop) == ([0], ["lost", *["unopened"] * 9, "back", "lost"])
    assert stop.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 0.5]
    assert (FIRST_RETRY_DELAY, MAX_RETRY_DELAY) == (0.5, 30)


def test_the_user_is_told_of_loss_and_return(caplog):
    captured(ScriptedSource(0, live=True), reopening(NO_CAMERA, ScriptedSource(1, live=True)), Patience(limit=3))
    assert warnings(caplog) == ["scripted: lost, trying to open it again in 0.5 s", "scripted: back"]


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.fixture
def clock(monkeypatch):
    """`clock[0]` is the time, in seconds."""
    now = [100.0]
    monkeypatch.setattr(feed.time, "monotonic", lambda: now[0])
    return now


def test_a_camera_that_keeps_being_lost_is_told_of_less_and_less_often(clock, caplog):
    logger, told_at = feed.LossLogger("porch"), []
    for clock[0] in range(100, 220):  # lost and back every second
        before = len(warnings(caplog))
        logger.lost("lost", 0.5)
        if len(warnings(caplog)) > before:
            told_at.append(clock[0] - 100)
        logger.back()
    assert told_at == [0, 10, 30, 70]
    lost = [line for line in warnings(caplog) if "lost" in line]
    assert [line.partition(",")[0] for line in lost] == [
        "porch: lost",
        *(f"porch: lost ({times} times since this was last logged)" for times in (10, 20, 40)),
    ]
    assert warnings(caplog).count("porch: back") == len(lost)


def test_a_camera_that_stays_away_while_nothing_is_told_is_told_of_later(clock, caplog):
    logger = feed.LossLogger("porch")
    logger.lost("lost", 0.5)
    logger.back()
    for clock[0] in range(103, 150, 5):
        logger.lost("silent", 30.0)
    assert warnings(caplog)[2:] == ["porch: silent, trying to open it again in 30.0 s"]


def test_a_camera_that_was_well_for_long_is_told_of_at_once(clock, caplog):
    logger = feed.LossLogger("porch")
    for clock[0] in (100, 101, 111, 300, 320):
        logger.lost("lost", 0.5)
        logger.back()
    assert sum("lost" in line for line in warnings(caplog)) == 4


def test_stop_ends_the_wait_for_a_camera():
    source = ScriptedSource(1, live=True)
    assert captured(source, reopening(*[NO_CAMERA] * 5), Patience(limit=3))[0] == [0]
    assert source.closed == 1


@pytest.mark.parametrize("live", [False, True])
def test_stop_is_looked_at_between_two_frames(live):
    stop, source = threading.Event(), ScriptedSource(10, live=live)
    assert captured(source, reopening(), stop, lambda given: stop.set()) == ([0], [])
    assert (source.given, source.closed) == (1, 1)


@pytest.mark.parametrize("live", [False, True])
def test_whoever_takes_no_more_ends_it_and_the_source_is_closed(live):
    def deliver(given):
        raise ValueError("full")

    source = ScriptedSource(10, live=live)
    with pytest.raises(ValueError, match="full"):
        captured(source, None, deliver=deliver)
    assert source.closed == 1


@pytest.mark.parametrize("error", [UserError("b.png: not an image", "take it out"), RuntimeError("driver")])
def test_an_error_of_the_source_is_not_a_loss(error):
    def fail(i):
        if i == 2:
            raise error

    source, numbers = ScriptedSource(5, live=True, before_read=fail), []
    with pytest.raises(type(error)) as caught:
        captured(source, reopening(), deliver=lambda given: numbers.append(given.seq))
    assert caught.value is error
    assert numbers == [0, 1]
    assert source.closed == 1


def test_a_bug_in_reopening_is_not_waited_out():
    with pytest.raises(ZeroDivisionError):
        captured(ScriptedSource(0, live=True), reopening(ZeroDivisionError()), Patience())


def test_a_read_that_never_returns_is_given_up(hurry, no_threads_left):
    let_go = threading.Event()

    def hang(i):
        if i == 5:
            let_go.wait(30)

    stop, hanging, healthy = threading.Event(), Flicker(before_read=hang), Flicker()
    numbers, notes = captured(hanging, reopening(healthy), stop, lambda given: stop.set() if given.seq == 20 else None)
    assert numbers == list(range(21))
    assert notes == ["silent", "back"]
    assert hanging.closed == 0, "nobody but its own thread may touch it"
    let_go.set()  # what comes late is thrown away, and the device released
    wait_until(lambda: hanging.closed == 1)


def test_an_opening_that_never_returns_is_given_up(hurry, no_threads_left):
    let_go, stop = threading.Event(), threading.Event()
    opened = []

    def reopen():
        opened.append(time.monotonic())
        if len(opened) == 1:
            let_go.wait(30)
        return Flicker()

    assert captured(Flicker(3), reopen, stop, lambda given: stop.set() if given.seq == 9 else None) == (
        list(range(10)),
        ["lost", "silent", "back"],
    )
    let_go.set()


def test_a_frozen_picture_is_opened_again_less_and_less_often(hurry):
    stop, times = threading.Event(), []

    def reopen():
        times.append(time.monotonic())
        if len(times) == 3:
            stop.set()
        return Flicker(levels=1)

    _, notes = captured(Flicker(levels=1), reopen, stop)
    assert notes == ["frozen", "back"] * 2 + ["frozen"]
    first, second = np.diff(times)
    assert second > 1.4 * first


def frozen_after(detector, clock, level):
    """Seconds until a picture that does not change is frozen."""
    began = clock[0]
    for clock[0] in np.arange(began, began + 100, 0.5):
        detector.update(BgrPixels(np.full((16, 16, 3), level, np.uint8)))
        if detector.check_frozen():
            return clock[0] - began
    return None


def test_a_picture_that_moves_again_is_watched_as_before(clock):
    detector = feed.FreezeDetector()
    first, second = frozen_after(detector, clock, level=0), frozen_after(detector, clock, level=0)
    assert second > 1.5 * first, "one that stays is checked less often"
    assert frozen_after(detector, clock, level=9) == first


def test_while_nothing_comes_nothing_is_still(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(feed.time, "monotonic", lambda: clock[0])
    detector, image = feed.FreezeDetector(), np.zeros((16, 16, 3), np.uint8)
    for clock[0], frozen in ((0.0, None), (3.0, None), (60.0, None), (63.0, None), (64.5, "frozen")):
        detector.update(BgrPixels(image))
        assert detector.check_frozen() == frozen


def test_what_is_opened_is_given():
    source = ScriptedSource(1)
    assert opened(lambda: source, threading.Event()) is source


@pytest.mark.parametrize("error", [NO_CAMERA, ZeroDivisionError()])
def test_what_opening_fails_with_is_raised(error):
    with pytest.raises(type(error)) as caught:
        opened(reopening(error), threading.Event())
    assert caught.value is error


@pytest.mark.parametrize("late", [ScriptedSource(1), NO_CAMERA])
def test_a_stop_does_not_wait_for_an_opening_that_hangs(late, no_threads_left):
    let_go, stop = threading.Event(), threading.Event()

    def hang():
        stop.set()
        let_go.wait(30)
        return reopening(late)()

    assert opened(hang, stop) is None
    let_go.set()
    if isinstance(late, ScriptedSource):
        wait_until(lambda: late.closed == 1)


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()
