"""Recordings that play like a camera, and again from the start."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.faces import tracker
from edge.pipeline import feed
from edge.pipeline.feed import Feed
from edge.pipeline.pipeline import Pipeline
from edge.sources import check_capture, is_recording, open_source, playback
from edge.sources.playback import BETWEEN_ROUNDS, MAX_FRAME_WAIT, Loop, Realtime

from ..patience import LONG
from ..source_suite import Promise, SourceSuite
from ..stand_ins import ScriptedRecognizer, ScriptedSource


class TestAsSources(SourceSuite):
    @pytest.fixture(params=["loop", "realtime", "both"])
    def opened(self, request, tmp_path, write_clip):
        path = write_clip(tmp_path / "clip.mp4", 8, 20)
        if request.param == "loop":
            expected = Promise(path.name, live=False, fps=20, frames=20, total=None, endless=True)
            return open_source(str(path), Capture(loop=True)), expected
        if request.param == "realtime":
            return open_source(str(path), Capture(realtime=True)), Promise(path.name, True, 20, 8, 8)
        expected = Promise(path.name, live=True, fps=20, frames=10, total=None, endless=True)
        return open_source(str(path), Capture(loop=True, realtime=True)), expected


class Timed(ScriptedSource):
    """Gives a frame at each of these times, seconds."""

    def __init__(self, *times):
        super().__init__(len(times))
        self._times = times

    def read(self):
        given = super().read()
        return given and replace(given, captured=self._times[given.seq])


class Time:
    """A clock, and an event that is waited for on it; `waits` are the seconds of each waiting."""

    def __init__(self):
        self.now, self.waits = 50.0, []

    def monotonic(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(round(seconds, 6))
        self.now += seconds
        return False


@pytest.fixture
def time(monkeypatch):
    passing = Time()
    monkeypatch.setattr(playback, "time", SimpleNamespace(monotonic=passing.monotonic))
    return passing


class TestRealtime:
    def test_each_frame_comes_at_its_time(self, time):
        source = Realtime(Timed(1000.0, 1000.5, 1000.75), time)
        frames = [source.read() for _ in range(3)]
        assert time.waits == [0, 0.5, 0.25]
        assert [frame.arrived for frame in frames] == [50, 50.5, 50.75], "its age is counted from there"
        assert [frame.captured for frame in frames] == [1000, 1000.5, 1000.75]
        assert source.read() is None

    def test_what_was_slow_is_caught_up_with(self, time):
        source = Realtime(Timed(0, 1, 2, 3, 4), time)
        source.read()
        time.now += 2.5
        for _ in range(4):
            source.read()
        assert time.waits == [0, 0, 0, 0.5, 1]

    def test_a_long_pause_is_cut_short(self, time):
        source = Realtime(Timed(0, 3600, 3601), time)
        for _ in range(3):
            source.read()
        assert time.waits == [0, MAX_FRAME_WAIT, 1]

    def test_times_that_jump_back_go_on_from_there(self, time):
        source = Realtime(Timed(100, 101, 7, 8), time)
        for _ in range(4):
            source.read()
        assert time.waits == [0, 1, 0, 1]

    def test_a_stop_ends_the_waiting(self):
        stop, waiting = threading.Event(), threading.Event()
        inner = Timed(0, 3600)
        inner.before_read = lambda i: waiting.set() if i else None
        source, rest = Realtime(inner, stop), []
        source.read()
        reader = threading.Thread(target=lambda: rest.append(source.read()))
        reader.start()
        assert waiting.wait(LONG)
        stop.set()
        reader.join(LONG)
        assert rest == [None]

    def test_who_is_too_slow_loses_frames_and_never_the_last(self):
        """The first frame is held until all have been given."""
        all_given = threading.Event()
        source = ScriptedSource(30, before_read=lambda i: all_given.set() if i == 30 else None)
        source.read = timeless(source.read)
        recognizer = ScriptedRecognizer(on_detect=lambda frame: all_given.wait(LONG))
        with Pipeline(Realtime(source), recognizer) as pipeline:
            answered = [result.frame.seq for result in pipeline]
        assert answered[-1] == 29
        counts = recognizer.statistics.counts()
        assert len(answered) + sum(counts[name] for name in counts if name.startswith("dropped.")) == 30
        assert recognizer.statistics.counts()["dropped.detection"] > 20

    def test_one_that_stands_still_or_pauses_is_not_taken_for_a_broken_camera(self, monkeypatch):
        monkeypatch.setattr(feed, "FROZEN_TIMEOUT", -1.0)
        monkeypatch.setattr(feed, "FRAME_TIMEOUT", -1.0)
        source = ScriptedSource(5)
        source.read = timeless(source.read)
        given, noted = [], []
        Feed(Realtime(source), None, threading.Event(), given.append, noted.append).run()
        assert [frame.seq for frame in given] == list(range(5))
        assert noted == []
        assert source.closed == 1


def timeless(read):
    """All frames have the same time: none is waited for."""
    return lambda: (given := read()) and replace(given, captured=0.0)


class TestLoop:
    def test_times_go_on(self):
        opened = []

        def open_():
            opened.append(Timed(*(100.0 * len(opened) + t for t in (0, 1, 2))))
            return opened[-1]

        source = Loop(open_)
        frames = [source.read() for _ in range(7)]
        pause = BETWEEN_ROUNDS
        rounds = [start + t for start in (0, 2 + pause, 4 + 2 * pause) for t in (0, 1, 2)]
        assert [frame.captured for frame in frames] == pytest.approx(rounds[:7])
        assert [source.closed for source in opened] == [1, 1, 0]
        source.close()
        assert opened[-1].closed == 1

    def test_no_face_is_remembered_from_the_last_round(self):
        assert BETWEEN_ROUNDS > tracker.TRACK_TIMEOUT

    def test_one_without_frames_has_an_end(self):
        assert Loop(lambda: ScriptedSource(0)).read() is None

    def test_one_that_has_become_empty_has_an_end(self):
        rounds = iter([ScriptedSource(1), ScriptedSource(0)])
        source = Loop(lambda: next(rounds))
        assert source.read() is not None
        assert source.read() is None

    def test_a_damaged_one_is_told(self):
        damaged = ScriptedSource(2)
        damaged.damage = "ends after 2 of 9 frames"
        rounds = iter([damaged, ScriptedSource(2)])
        loop = Loop(lambda: next(rounds))
        source = Realtime(loop)
        loop.read()
        assert source.damage is None
        for _ in range(3):
            loop.read()
        assert source.damage == damaged.damage

    def test_one_that_is_gone_is_told(self, tmp_path, write_clip):
        path = write_clip(tmp_path / "clip.mp4", 3)
        source = open_source(str(path), Capture(loop=True))
        path.unlink()
        assert None not in [source.read() for _ in range(3)]
        with pytest.raises(UserError, match="no such file"):
            source.read()
        source.close()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        *((spec, False) for spec in ("auto", "picamera2", "picamera2:1", "0", "/dev/video2", "-", "rtsp://10.0.0.7/a")),
        *((spec, True) for spec in ("clip.mp4", "photos/", "1.jpg", "picamera2.mp4", "./0")),
    ],
)
def test_what_a_recording_is(spec, expected):
    assert is_recording(spec) == expected
    for option, wanted in (("--loop", Capture(loop=True)), ("--realtime", Capture(realtime=True))):
        if expected:
            check_capture(spec, wanted)
        else:
            with pytest.raises(UserError, match=f"{option} is for videos, images and folders"):
                check_capture(spec, wanted)
