"""Order, loss, failure and stopping, with stages that wait for events instead of working."""

import threading
from dataclasses import replace

import pytest

from edge.base.errors import UserError
from edge.base.run_statistics import summary_text
from edge.faces.events import EVERY_CHANGE
from edge.outputs.lines import JsonLines
from edge.outputs.video import AnnotatedVideo
from edge.pipeline import pipeline as pipeline_module
from edge.pipeline.channel import Closed
from edge.pipeline.pipeline import STOP_TIMEOUT, Pipeline

from ..patience import LONG, patiently
from ..stand_ins import KeepingOutput, ScriptedRecognizer, ScriptedSource, face, picture

pytestmark = pytest.mark.usefixtures("no_threads_left")

"""Seconds after which what should have happened counts as never happening."""

IN_FLIGHT = 4 + 1 + 4 + 1 + 4 + 1
"""Frames of a recording that may be under way: what the channels hold, and one in the hands of each stage."""


class StageError(Exception):
    """Nobody but the test raises this."""


def fail_at(number):
    def fail(at):
        if getattr(at, "seq", at) == number:
            raise StageError

    return fail


def fail_on(_, error):
    raise error


def seqs(results):
    return [result.frame.seq for result in results]


def running():
    """Threads of a pipeline that have not ended."""
    return [thread for thread in threading.enumerate() if thread is not threading.main_thread() and thread.daemon]


class TestRecordings:
    """Every frame is answered, in order."""

    def test_all_frames_come_in_order(self):
        source, output = ScriptedSource(200), KeepingOutput()
        with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
            assert seqs(pipeline) == list(range(200))
        assert output.seqs == list(range(200))
        assert (output.entered, output.left, output.failed) == (1, 1, False)
        assert source.closed == 1
        assert not running()

    def test_a_slow_caller_makes_the_source_wait(self):
        filled = threading.Event()
        source = ScriptedSource(200, before_read=lambda i: filled.set() if i == 12 else None)
        output = KeepingOutput()
        with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
            assert filled.wait(LONG), "frames are read ahead of the caller"
            received = []
            for result in pipeline:
                received.append(result.frame.seq)
                assert source.given - len(received) <= IN_FLIGHT
        assert received == output.seqs == list(range(200))

    def test_a_slow_output_loses_nothing(self):
        # Frames read before the source must wait: the output's queue, the one it writes, and all stages before it
        # except the caller's queue.
        reachable = 32 + 1 + IN_FLIGHT - 4
        filled, ended = threading.Event(), threading.Event()
        marks = {reachable - 1: filled, 200: ended}
        source = ScriptedSource(200, before_read=lambda i: marks[i].set() if i in marks else None)

        def on_write(seq):
            if seq == 0:
                assert filled.wait(LONG), "the output has a queue of its own"
                assert not ended.wait(0.1), "a recording waits for its outputs"

        output = KeepingOutput(on_write=on_write)
        with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
            assert seqs(pipeline) == list(range(200))
        assert output.seqs == list(range(200))

    def test_a_slow_output_does_not_hold_the_others_up(self):
        enough = threading.Event()
        slow = KeepingOutput("slow", on_write=lambda seq: enough.wait(LONG))
        fast = KeepingOutput("fast", on_write=lambda seq: enough.set() if seq == 20 else None)
        with Pipeline(ScriptedSource(200), ScriptedRecognizer(), [slow, fast]) as pipeline:
            assert seqs(pipeline) == list(range(200))
        assert enough.is_set()
        assert slow.seqs == fast.seqs == list(range(200))

    @pytest.mark.parametrize("hangs", ["on_enter", "on_write", "on_exit"])
    def test_an_output_that_may_be_incomplete_never_holds_the_recording_or_the_others_up(self, hangs, caplog):
        released = threading.Event()
        stalled = KeepingOutput("network", complete=False, **{hangs: lambda *_: released.wait(LONG)})
        file = KeepingOutput("file")
        try:
            with Pipeline(ScriptedSource(200), ScriptedRecognizer(), [stalled, file]) as pipeline:
                assert seqs(pipeline) == list(range(200))
            assert file.seqs == list(range(200))
            assert file.left == 1
            assert f"network did not end within {STOP_TIMEOUT} s and is abandoned" in caplog.text
            dropped = pipeline.statistics.counts()["dropped.network"]
            assert hangs == "on_exit" or dropped >= 200 - 32 - 1
        finally:
            released.set()

    def test_outputs_finish_their_files_after_the_end(self):
        last = threading.Event()
        output = KeepingOutput(on_write=lambda seq: seq < 9 or last.wait(LONG))
        with Pipeline(ScriptedSource(10), ScriptedRecognizer(), [output]) as pipeline:
            assert seqs(pipeline) == list(range(10))
            assert not output.left, "the caller is through, the output is not"
            last.set()
        assert output.seqs == list(range(10))
        assert output.left == 1

    def test_a_source_without_frames(self):
        output = KeepingOutput()
        with Pipeline(ScriptedSource(0), ScriptedRecognizer(), [output]) as pipeline:
            assert list(pipeline) == []
        assert (output.entered, output.left) == (1, 1)

    def test_a_caller_that_takes_no_results_holds_nobody_back(self):
        output = KeepingOutput()
        with Pipeline(ScriptedSource(200), ScriptedRecognizer(), [output], iterated=False) as pipeline:
            assert list(pipeline) == []
        assert output.seqs == list(range(200))

    def test_nothing_is_counted_as_dropped(self):
        with Pipeline(ScriptedSource(50), ScriptedRecognizer(), [KeepingOutput("video")]) as pipeline:
            list(pipeline)
        counts = pipeline.statistics.summary()["counts"]
        assert counts == {
            "captured": 50,
            "frames": 50,
            "faces": 0,
            "frames_with_faces": 0,
            "dropped.detection": 0,
            "dropped.classification": 0,
            "dropped.caller": 0,
            "dropped.video": 0,
        }

    def test_the_age_of_every_frame_and_the_time_of_every_write_are_measured(self):
        with Pipeline(ScriptedSource(5), ScriptedRecognizer(), [KeepingOutput("video")]) as pipeline:
            list(pipeline)
        times = pipeline.statistics.summary()["ms"]
        assert set(times) == {"frame age", "video"}
        assert times["frame age"]["p50"] > 0


class TestLive:
    """Late frames are dropped, the oldest first, and counted."""

    def test_detection_gets_the_newest_frame(self):
        started, exhausted, first_read = threading.Event(), threading.Event(), threading.Event()

        def before_read(i):
            assert i == 0 or started.wait(LONG)
            if i == 10:
                exhausted.set()

        def on_detect(frame):
            started.set()
            assert exhausted.wait(LONG)
            assert frame.seq == 0 or first_read.wait(LONG)

        source = ScriptedSource(10, live=True, before_read=before_read)
        with Pipeline(source, ScriptedRecognizer(on_detect, lambda found: first_read.set())) as pipeline:
            assert seqs(pipeline) == [0, 9]
        counts = pipeline.statistics.summary()["counts"]
        assert (counts["captured"], counts["frames"]) == (10, 2)
        assert counts["dropped.detection"] == 8
        assert counts["dropped.classification"] == counts["dropped.caller"] == 0

    def test_classification_gets_the_newest_frame(self):
        reading, found_all = threading.Event(), threading.Event()
        frames_found = threading.Semaphore(1)

        def on_detect(frame):
            assert frame.seq == 0 or reading.wait(LONG)

        def before_read(i):
            assert frames_found.acquire(timeout=LONG)  # each frame is found before the next one comes
            if i == 10:
                found_all.set()

        class Recognizer(ScriptedRecognizer):
            def detect(self, frame):
                try:
                    return super().detect(frame)
                finally:
                    frames_found.release()

        def on_classify(found):
            reading.set()
            assert found_all.wait(LONG)

        source = ScriptedSource(10, live=True, before_read=before_read)
        with Pipeline(source, Recognizer(on_detect, on_classify)) as pipeline:
            received = seqs(pipeline)
        counts = pipeline.statistics.summary()["counts"]
        assert received[0] == 0
        assert received[-1] == 9
        assert len(received) + counts["dropped.detection"] + counts["dropped.classification"] == 10
        assert counts["dropped.classification"] >= 6

    def test_an_output_that_is_behind_holds_nobody_up_and_counts_what_it_lost(self):
        total, capacity = 100, 32
        answered, first_written, all_answered = threading.Semaphore(1), threading.Event(), threading.Event()

        def before_read(i):  # each frame goes all the way before the next one comes
            assert answered.acquire(timeout=LONG)
            assert i < 2 or first_written.wait(LONG)
            if i == total:
                all_answered.set()

        def on_write(seq):
            first_written.set()
            assert all_answered.wait(LONG)

        slow = KeepingOutput("slow", on_write=on_write)
        fast = KeepingOutput("fast", on_write=lambda seq: answered.release())
        source = ScriptedSource(total, live=True, before_read=before_read)
        with Pipeline(source, ScriptedRecognizer(), [slow, fast]) as pipeline:
            assert all_answered.wait(LONG), "the slow output holds the others up"
            for thread in running():
                if thread.name == "classify":
                    thread.join(LONG)  # the last frame, too, has gone to all
            assert seqs(pipeline) == list(range(total - 4, total)), "a caller who is late gets what is newest"
        assert fast.seqs == list(range(total))
        assert slow.seqs[-capacity:] == list(range(total - capacity, total))
        counts = pipeline.statistics.summary()["counts"]
        assert counts["dropped.slow"] == total - len(slow.seqs) >= total - capacity - 2
        assert counts["dropped.caller"] == total - 4
        assert counts["dropped.fast"] == 0

    def test_a_lost_camera_comes_back_and_numbers_go_on(self, monkeypatch):
        monkeypatch.setattr("edge.pipeline.feed.FIRST_RETRY_DELAY", 0.001)
        received = []
        again = [ScriptedSource(1, live=True), ScriptedSource(1, live=True)]

        def reopen():
            if again:
                return again.pop(0)
            raise UserError("the camera is gone", "wait")

        with Pipeline(ScriptedSource(1, live=True), ScriptedRecognizer(), reopen=reopen) as pipeline:
            for result in pipeline:
                received.append(result.frame.seq)
                if not again:
                    pipeline.stop()
        assert received == sorted(set(received))  # a late frame may be dropped, but the numbers go on
        assert received[-1] >= 1


def test_of_large_frames_one_is_searched_while_the_one_before_is_written(monkeypatch):
    monkeypatch.setattr("edge.pipeline.pipeline.QUEUE_BYTES", picture().nbytes)
    ahead = []

    def write(seq):
        if seq == 0:
            patiently(lambda: source.given == 2)

    output = KeepingOutput(on_write=write)
    source = ScriptedSource(60, before_read=lambda i: ahead.append(i + 1 - len(output.seqs)))
    with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
        assert [result.frame.seq for result in pipeline] == list(range(60))
    assert output.seqs == list(range(60))
    assert max(ahead) == 2


STAGES = ["source.read", "detect", "classify", "output.enter", "output.write", "output.exit"]


def failing(stage, live, tmp_path):
    """A pipeline of 60 frames that fails in one stage; and its source and files."""
    source = ScriptedSource(60, live=live, before_read=fail_at(30) if stage == "source.read" else lambda i: None)
    recognizer = ScriptedRecognizer(
        fail_at(30) if stage == "detect" else lambda f: None,
        (lambda found: fail_at(30)(found.frame)) if stage == "classify" else lambda f: None,
    )

    def boom():
        raise StageError

    output = KeepingOutput(
        on_enter=boom if stage == "output.enter" else lambda: None,
        on_write=fail_at(30) if stage == "output.write" else lambda seq: None,
        on_exit=boom if stage == "output.exit" else lambda: None,
    )
    outputs = [JsonLines(tmp_path / "r.jsonl", live=False), output, AnnotatedVideo(tmp_path / "v.mp4", 10)]
    return Pipeline(source, recognizer, outputs), source


class TestFailures:
    """Whatever a stage fails with reaches the caller, and ends everything."""

    @pytest.mark.parametrize("stage", STAGES)
    def test_an_error_reaches_who_iterates(self, stage, tmp_path):
        pipeline, source = failing(stage, False, tmp_path)
        with pytest.raises(StageError), pipeline:
            list(pipeline)
        assert source.closed == 1
        assert not running()

    @pytest.mark.parametrize("stage", ["source.read", "detect", "classify", "output.write"])
    def test_a_failed_recording_leaves_no_files_behind(self, stage, tmp_path):
        for _ in range(5):  # who comes first is chance
            pipeline, _ = failing(stage, False, tmp_path)
            with pytest.raises(StageError), pipeline:
                list(pipeline)
            assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("stage", ["source.read", "detect", "classify", "output.enter"])
    def test_an_error_reaches_who_polls(self, stage, tmp_path):
        def poll_all(pipeline):
            with pipeline:
                while True:
                    pipeline.poll(LONG)

        pipeline, source = failing(stage, False, tmp_path)
        with pytest.raises(StageError):
            poll_all(pipeline)
        assert source.closed == 1
        assert not running()

    def test_an_error_reaches_who_takes_no_results(self):
        failed = threading.Event()

        def fail(i):
            failed.set()
            raise StageError

        with pytest.raises(StageError), Pipeline(ScriptedSource(5, before_read=fail), ScriptedRecognizer()):
            assert failed.wait(LONG)

    def test_an_error_ends_a_source_that_never_ends_by_itself(self):
        with pytest.raises(StageError), Pipeline(ScriptedSource(10**9), ScriptedRecognizer(fail_at(5))) as pipeline:
            list(pipeline)
        assert not running()

    def test_an_error_ends_a_live_run_too(self):
        source = ScriptedSource(10**9, live=True)
        recognizer = ScriptedRecognizer(lambda frame: fail_on(frame, StageError()))
        with pytest.raises(StageError), Pipeline(source, recognizer, reopen=lambda: source) as pipeline:
            list(pipeline)
        assert source.closed == 1

    def test_an_error_ends_the_wait_for_a_lost_camera(self, monkeypatch):
        monkeypatch.setattr("edge.pipeline.feed.FIRST_RETRY_DELAY", 0.001)
        waiting = threading.Event()

        def reopen():
            waiting.set()
            raise UserError("camera 0: no camera found", "plug one in")

        def on_write(seq):
            assert waiting.wait(LONG)
            raise StageError

        source, output = ScriptedSource(1, live=True), KeepingOutput(on_write=on_write)
        with pytest.raises(StageError), Pipeline(source, ScriptedRecognizer(), [output], reopen) as pipeline:
            assert [pipeline.poll(LONG).frame.seq for _ in range(2)] == [0], "the second waits for the error"

    def test_the_error_keeps_its_own_message(self):
        error = UserError("b.png: not an image", "take it out")

        def fail(i):
            raise error

        with (
            pytest.raises(UserError) as caught,
            Pipeline(ScriptedSource(5, before_read=fail), ScriptedRecognizer()) as p,
        ):
            list(p)
        assert caught.value is error

    def test_the_first_error_is_the_one(self):
        def fail():
            raise RuntimeError("a consequence")

        output = KeepingOutput(on_exit=fail)
        with (
            pytest.raises(StageError),
            Pipeline(ScriptedSource(9), ScriptedRecognizer(fail_at(0)), [output]) as pipeline,
        ):
            list(pipeline)

    def test_outputs_learn_that_the_run_failed(self):
        output = KeepingOutput()
        with (
            pytest.raises(StageError),
            Pipeline(ScriptedSource(9), ScriptedRecognizer(fail_at(5)), [output]) as pipeline,
        ):
            list(pipeline)
        assert (output.left, output.failed) == (1, True)

    def test_the_callers_own_error_is_not_replaced(self):
        source = ScriptedSource(10**9)
        with pytest.raises(KeyError, match="the caller's"), Pipeline(source, ScriptedRecognizer()) as pipeline:
            fail_on(next(iter(pipeline)), KeyError("the caller's"))
        assert source.closed == 1
        assert not running()


class TestStopping:
    """Stop means stop."""

    @pytest.mark.parametrize("live", [False, True])
    def test_leaving_the_loop_early_ends_everything(self, live):
        filled = threading.Event()
        source = ScriptedSource(10**9, live=live, before_read=lambda i: filled.set() if i == 3 + 12 else None)
        output = KeepingOutput()
        with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
            for result in pipeline:
                if result.frame.seq >= 3:
                    break
            assert filled.wait(LONG), "stages are busy, and some wait for others"
        assert not running()
        assert source.closed == 1
        assert output.left == 1

    def test_never_entering_the_loop_ends_everything(self):
        filled = threading.Event()
        source = ScriptedSource(10**9, before_read=lambda i: filled.set() if i == 12 else None)
        output = KeepingOutput()
        with Pipeline(source, ScriptedRecognizer(), [output]):
            assert filled.wait(LONG)
        assert not running()
        assert source.closed == 1

    def test_frames_that_were_taken_are_answered(self):
        filled = threading.Event()
        source = ScriptedSource(10**9, before_read=lambda i: filled.set() if i == 5 + 12 else None)
        output, received = KeepingOutput(), []
        with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
            for result in pipeline:
                received.append(result.frame.seq)
                if len(received) == 5:
                    assert filled.wait(LONG), "the channels are full"
                    pipeline.stop()
        assert received == output.seqs == list(range(len(received)))
        # The frame that was in the source's hand at that moment may be the one that is not taken any more.
        assert source.given - len(received) <= 1
        assert not running()

    @pytest.mark.parametrize("live", [False, True])
    def test_stop_from_another_thread(self, live):
        source = ScriptedSource(10**9, live=live)
        with Pipeline(source, ScriptedRecognizer()) as pipeline:
            assert next(iter(pipeline)) is not None
            thread = threading.Thread(target=pipeline.stop)
            thread.start()
            for _ in pipeline:
                pass
            thread.join()
        assert source.closed == 1

    def test_stopping_twice_and_after_the_end(self):
        with Pipeline(ScriptedSource(3), ScriptedRecognizer()) as pipeline:
            list(pipeline)
            pipeline.stop()
            pipeline.stop()
        pipeline.stop()
        assert not running()

    @pytest.mark.parametrize("live", [False, True])
    def test_a_source_that_hangs_is_abandoned(self, live, caplog):
        hanging, released = threading.Event(), threading.Event()

        def before_read(i):
            if i == 3:
                hanging.set()
                released.wait(LONG)

        source, output = ScriptedSource(10, live=live, before_read=before_read), KeepingOutput()
        try:
            with Pipeline(source, ScriptedRecognizer(), [output]) as pipeline:
                assert hanging.wait(LONG)
                pipeline.stop()
                assert seqs(pipeline)[-1] == 2, "what came before is still answered"
            assert output.left == 1, "the outputs are finished"
            assert [thread.name for thread in running()] == ["camera" if live else "capture"]
            told = "the camera's thread hangs" if live else f"capture did not end within {STOP_TIMEOUT} s"
            assert f"{told} and is abandoned" in caplog.text
        finally:
            released.set()

    def test_an_abandoned_source_is_closed_should_it_ever_come_back(self):
        hanging, released, closed = threading.Event(), threading.Event(), threading.Event()

        class Source(ScriptedSource):
            def close(self):
                closed.set()

        def before_read(i):
            hanging.set()
            released.wait(LONG)

        with Pipeline(Source(10, live=True, before_read=before_read), ScriptedRecognizer()):
            assert hanging.wait(LONG)
        assert not closed.is_set()
        released.set()
        assert closed.wait(LONG)

    def test_a_live_output_that_hangs_is_abandoned(self, caplog):
        hanging, released = threading.Event(), threading.Event()

        def on_write(seq):
            hanging.set()
            released.wait(LONG)

        output = KeepingOutput("slow", on_write=on_write)
        try:
            with Pipeline(ScriptedSource(10**9, live=True), ScriptedRecognizer(), [output]):
                assert hanging.wait(LONG)
            assert running(), "the output still hangs"
            assert "slow did not end" in caplog.text
        finally:
            released.set()


def test_polling_gives_none_while_there_is_nothing_and_ends_with_closed():
    asked = threading.Event()
    source = ScriptedSource(1, before_read=lambda i: asked.wait(LONG))
    with Pipeline(source, ScriptedRecognizer()) as pipeline:
        assert pipeline.poll(0.01) is None
        asked.set()
        assert pipeline.poll(LONG).frame.seq == 0
        with pytest.raises(Closed):
            pipeline.poll(LONG)
        with pytest.raises(Closed):
            pipeline.poll(LONG)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_without_a_thread_for_every_stage_the_others_end(monkeypatch, number):
    """A thread that is left when the process ends may abort it."""
    pipeline = Pipeline(ScriptedSource(10**6, live=True), ScriptedRecognizer(), [KeepingOutput()])

    start, started = threading.Thread.start, []

    def start_some(thread):
        started.append(thread)
        if len(started) > number:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    with pytest.raises(RuntimeError, match="new thread"), pipeline:
        pytest.fail("it has started")
    assert not running()


class KeepingEvents(KeepingOutput):
    """Keeps the events that it was given, too."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.events = []

    def write(self, result):
        super().write(result)
        self.end(result.events)

    def end(self, events):
        self.events += [(event["event"], event["id"]) for event in events]


class TestOneRecognitionThread:
    """Without overlap, one thread detects and classifies; nothing else is different."""

    def test_a_frame_is_detected_after_the_last_one_was_classified(self):
        done, threads = [], set()

        def note(step):
            def at(which):
                done.append((step, getattr(which, "seq", which)))
                threads.add(threading.current_thread().name)

            return at

        recognizer = ScriptedRecognizer(note("detect"), lambda found: note("classify")(found.frame))
        output = KeepingOutput()
        with Pipeline(ScriptedSource(20), recognizer, [output], overlapped=False) as pipeline:
            assert seqs(pipeline) == list(range(20))
        assert output.seqs == list(range(20))
        assert done == [(step, seq) for seq in range(20) for step in ("detect", "classify")]
        assert threads == {"recognize"}

    @pytest.mark.parametrize("stage", ["on_detect", "on_classify"])
    def test_an_error_ends_the_run(self, stage):
        source = ScriptedSource(10**9)
        recognizer = ScriptedRecognizer(**{stage: lambda _: fail_on(_, StageError())})
        with pytest.raises(StageError), Pipeline(source, recognizer, overlapped=False) as pipeline:
            list(pipeline)
        assert source.closed == 1

    def test_a_camera_drops_the_oldest_frames_meanwhile(self):
        taken, newest = threading.Event(), threading.Event()
        before = {1: lambda: taken.wait(LONG), 10: newest.set}
        source = ScriptedSource(10, live=True, before_read=lambda i: before[i]() if i in before else None)
        recognizer = ScriptedRecognizer(lambda frame: taken.set() or newest.wait(LONG))
        with Pipeline(source, recognizer, overlapped=False) as pipeline:
            assert seqs(pipeline) == [0, 9]
        assert pipeline.statistics.counts()["dropped.detection"] == 8

    def test_at_the_end_those_who_are_there_leave(self):
        output, recognizer = KeepingEvents(), ScriptedRecognizer(faces=lambda seq: [face(None)])
        with Pipeline(ScriptedSource(1), recognizer, [output], overlapped=False, limits=EVERY_CHANGE) as pipeline:
            list(pipeline)
        assert [name for name, _ in output.events] == ["face_appeared", "face_left"]


class TestEvents:
    """Each output of events gets all of them, in order."""

    def passing(self, total, output, *, live=False):
        """A run in which each frame has another face, seconds after the last one's."""
        recognizer = ScriptedRecognizer(faces=lambda seq: [replace(face(None), id=seq)])
        return Pipeline(ScriptedSource(total, live=live), recognizer, [output], limits=EVERY_CHANGE)

    def comings_and_goings(self, total):
        """Frames are a second apart: a face has left when the next but one is there."""
        told = [("face_appeared", 0), ("face_appeared", 1)]
        for seq in range(2, total):
            told += [("face_left", seq - 2), ("face_appeared", seq)]
        return [*told, ("face_left", total - 2), ("face_left", total - 1)]

    def test_at_the_end_those_who_are_there_leave(self):
        output = KeepingEvents()
        with self.passing(10, output) as pipeline:
            assert [event["event"] for event in next(iter(pipeline)).events] == ["face_appeared"]
            list(pipeline)
        assert output.events == self.comings_and_goings(10)

    def test_a_run_that_fails_has_no_such_end(self):
        output = KeepingEvents()
        recognizer = ScriptedRecognizer(on_detect=fail_at(2), faces=lambda seq: [face(None)])
        with pytest.raises(StageError), Pipeline(ScriptedSource(5), recognizer, [output]) as pipeline:
            list(pipeline)
        assert "face_left" not in [name for name, _ in output.events]

    def slow(self, total):
        """A recording, an output that loses most of its frames, and the run's statistics."""
        released = threading.Event()
        output = KeepingEvents(on_write=lambda seq: released.wait(LONG), complete=False)
        with self.passing(total, output) as pipeline:
            assert len(list(pipeline)) == total
            released.set()
            patiently(lambda: output.left)
        return output, pipeline.statistics

    def test_events_of_dropped_frames_come_with_the_next_frame(self):
        output, statistics = self.slow(200)
        assert len(output.seqs) <= 1 + 32 < statistics.counts()["dropped.keeping"]
        assert output.events == self.comings_and_goings(200)

    def test_what_waits_is_bounded_and_what_is_lost_is_counted(self, monkeypatch):
        monkeypatch.setattr(pipeline_module, "CARRIED_EVENTS", 10)
        output, statistics = self.slow(200)
        lost = statistics.counts()["events_lost"]
        assert lost > 200
        assert lost + len(output.events) == len(self.comings_and_goings(200))
        assert f"{lost} events lost" in summary_text(statistics.summary())
