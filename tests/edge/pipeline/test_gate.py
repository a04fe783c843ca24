"""Pause and resume, from any thread and for several reasons."""

import threading
import weakref

import pytest

from edge.pipeline.gate import Gate
from edge.pipeline.pipeline import Pipeline
from edge.sources.playback import MAX_FRAME_WAIT, Realtime

from ..patience import LONG, patiently
from ..stand_ins import KeepingOutput, ScriptedRecognizer, ScriptedSource, face, frame
from .test_feed import Flicker

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_a_camera_is_paused_as_long_as_there_is_a_reason():
    gate, told = Gate(), []
    gate.follow(told.append)
    for reason, paused in (("hours", True), ("switch", True), ("hours", False), ("switch", False), ("hours", False)):
        gate.set(reason, paused)
    assert told == [False, True, True, True, False]
    gate.set("switch", True)
    gate.set("hours", True)
    assert gate.reasons == ("hours", "switch")


def test_a_follower_is_told_the_present_state():
    gate, told = Gate(), []
    gate.set("switch", True)
    gate.follow(told.append)
    assert told == [True]


def test_waiting_ends_with_the_pause_or_with_the_stop():
    gate, stop = Gate(), threading.Event()
    assert gate.wait(stop)
    gate.set("switch", True)
    threading.Timer(0.01, gate.set, ("switch", False)).start()
    assert gate.wait(stop)
    gate.set("switch", True)
    stop.set()
    assert not gate.wait(stop)


class TestPipeline:
    """Effects of a pause on a running pipeline."""

    def test_a_camera_is_closed_while_it_is_paused_and_opened_again(self):
        opened = [Flicker()]

        def reopen():
            opened.append(Flicker())
            return opened[-1]

        gate = Gate()
        with Pipeline(opened[0], ScriptedRecognizer(), reopen=reopen, gate=gate) as pipeline:
            assert pipeline.poll(LONG)
            gate.set("switch", True)
            assert patiently(lambda: opened[0].closed)
            given = opened[0].given
            while pipeline.poll(0.0):
                pass
            assert not pipeline.poll(0.3)
            assert (opened[0].given, len(opened)) == (given, 1), "nothing is read"
            assert pipeline.statistics.states()["paused"]
            gate.set("switch", False)
            assert patiently(lambda: pipeline.poll(LONG))
            assert len(opened) == 2
            assert not pipeline.statistics.states()["paused"]
            pipeline.stop()
        assert not any(name.startswith("source.") for name in pipeline.statistics.counts()), "no trouble"

    @pytest.mark.parametrize("overlapped", [True, False])
    @pytest.mark.parametrize("reopens", [True, False])
    def test_no_picture_is_held_while_it_is_paused(self, reopens, overlapped):
        """Neither by a queue or a thread, nor by an output that hangs, but for the picture in its hands."""
        given, writing, go_on, gate = [], threading.Event(), threading.Event(), Gate()

        class Camera(Flicker):
            def read(self):
                one = super().read()
                given.append(weakref.ref(one.image))
                return one

        class Hangs(KeepingOutput):
            told = ()

            def write(self, result):
                writing.set()
                assert go_on.wait(LONG)

            def end(self, events):
                self.told += tuple(events)

        outputs, recognizer = (
            [Hangs("hangs"), KeepingOutput()],
            ScriptedRecognizer(faces=lambda seq: [face(number=seq)]),
        )
        reopen = Camera if reopens else None
        with Pipeline(
            Camera(), recognizer, outputs, reopen, gate=gate, iterated=False, overlapped=overlapped
        ) as pipeline:
            assert writing.wait(LONG)
            patiently(lambda: pipeline.statistics.count_of("frames") > 10)
            gate.set("switch", True)
            patiently(lambda: len([one for one in given if one() is not None]) <= 1)
            go_on.set()
            patiently(lambda: not [one for one in given if one() is not None])
            patiently(lambda: outputs[0].told)
            pipeline.stop()

    @pytest.mark.parametrize("overlapped", [True, False])
    def test_the_networks_are_blanked(self, overlapped):
        blanked, gate = [], Gate()
        recognizer = ScriptedRecognizer()
        recognizer.blank = lambda: blanked.append(gate.paused)
        with Pipeline(
            Flicker(), recognizer, reopen=Flicker, gate=gate, iterated=False, overlapped=overlapped
        ) as pipeline:
            patiently(lambda: pipeline.statistics.count_of("frames"))
            gate.set("switch", True)
            assert blanked, "before anybody is told that it is paused"
            assert all(blanked)

    def test_a_source_that_cannot_be_opened_again_is_not_read(self):
        gate, source = Gate(), Flicker()
        with Pipeline(source, ScriptedRecognizer(), gate=gate) as pipeline:
            assert pipeline.poll(LONG)
            gate.set("switch", True)
            while pipeline.poll(0.2):
                pass
            given = source.given
            assert not pipeline.poll(0.2)
            assert source.given == given
            gate.set("switch", False)
            assert patiently(lambda: pipeline.poll(LONG))
            pipeline.stop()

    def test_a_recording_waits_and_loses_at_most_what_was_under_way(self):
        reached, gate = threading.Event(), Gate()
        source = ScriptedSource(100, before_read=lambda i: reached.set() if i == 50 else None)
        with Pipeline(source, ScriptedRecognizer(), gate=gate) as pipeline:
            seqs = [
                result.frame.seq for result in iter(lambda: pipeline.poll(LONG) if not reached.is_set() else None, None)
            ]
            gate.set("switch", True)
            while pipeline.poll(0.2):
                pass
            given = source.given
            assert not pipeline.poll(0.2)
            assert source.given == given < 100
            gate.set("switch", False)
            seqs += [result.frame.seq for result in pipeline]
        assert seqs == sorted(set(seqs))
        assert seqs[-1] >= 98, "a frame that was being read when the pause began is left out"

    def test_what_is_under_way_at_a_pause_reaches_no_output(self):
        classifying, go_on, gate = threading.Event(), threading.Event(), Gate()

        def on_classify(found):
            if found.frame.seq == 3:
                classifying.set()
                assert go_on.wait(LONG)

        output = KeepingOutput()
        with Pipeline(ScriptedSource(10), ScriptedRecognizer(on_classify=on_classify), [output], gate=gate):
            assert classifying.wait(LONG)
            gate.set("switch", True)
            go_on.set()
        assert set(output.seqs) <= {0, 1, 2}
        assert output.left == 1, "a paused run can be stopped"

    def test_events_of_results_that_a_pause_drops_are_kept(self):
        writing, go_on, gate = threading.Event(), threading.Event(), Gate()

        class Told(KeepingOutput):
            events = ()

            def end(self, events):
                self.events += tuple(event["event"] for event in events)

        def on_write(seq):
            writing.set()
            assert go_on.wait(LONG)

        output = Told(on_write=on_write)
        recognizer = ScriptedRecognizer(faces=lambda seq: [face(number=seq)] if seq < 2 else [])
        with Pipeline(ScriptedSource(3), recognizer, [output], gate=gate) as pipeline:
            assert writing.wait(LONG)
            assert patiently(lambda: pipeline.statistics.count_of("frames") == 3)
            gate.set("switch", True)
            go_on.set()
            assert patiently(lambda: output.events)
            gate.set("switch", False)
            list(pipeline)
        assert output.seqs == [0]
        assert output.events[0] == "face_appeared"


def test_a_recording_in_real_time_goes_on_where_it_was_paused(monkeypatch):
    now, waited = [100.0], []
    monkeypatch.setattr("edge.sources.playback.time.monotonic", lambda: now[0])

    class Still(ScriptedSource):
        def read(self):
            self.given += 1
            return frame(captured=1000.0 + self.given)

    class Stop:
        def wait(self, seconds):
            waited.append(seconds)

    source = Realtime(Still(3), Stop())
    source.read()
    now[0] += MAX_FRAME_WAIT + 10
    source.read()
    source.read()
    assert waited == [0.0, 0.0, 1.0]


def test_frames_have_the_name_of_their_camera():
    with Pipeline(ScriptedSource(2), ScriptedRecognizer(), name="porch") as pipeline:
        assert [result.record()["source"] for result in pipeline] == ["porch", "porch"]
