"""Run capture, detection and classification on threads of their own, and pass results to the outputs.

    source -> frames -> detect -> found -> classify -> one queue for each output, and one for the caller

Live sources drop the oldest frame if a stage is behind. Recordings never drop frames: each stage waits for the next
one, and for each complete output.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from edge.base.classes import NO_LABEL
from edge.base.files import writing
from edge.base.settings import EventLimits
from edge.faces.events import Events
from edge.faces.recognizer import Found, Recognizer
from edge.faces.results import FrameResult
from edge.pipeline.channel import Channel, Closed
from edge.pipeline.feed import BACK, Feed
from edge.pipeline.gate import Gate
from edge.pipeline.governor import govern, recent_age
from edge.pipeline.output import EventOutput, Output
from edge.sources import Source
from edge.sources.frame import Frame

log = logging.getLogger(__name__)

QUEUE_BYTES = 20 << 20
"""Most bytes of the frames that one stage or output holds, waiting and in work; a larger frame is held alone."""

CARRIED_EVENTS = 1000
"""Most events of dropped frames that wait for the next frame of an output; older ones are lost and counted."""

LABEL_CHANGES = "label_changes."
"""Beginning of the counters of `emotion_changed` events by the new label."""

AWAY = "camera_away"
"""State of a camera that is lost and not back yet."""

STOP_TIMEOUT = 1.5
"""Seconds to wait for threads after the pipeline was stopped; a hanging one is abandoned."""


class Pipeline:
    """A running recognition. A context manager, and an iterator over its results:

        with Pipeline(open_source("clip.mp4"), Recognizer.from_options(Options())) as pipeline:
            for result in pipeline:
                print(result.record())

    The caller's queue behaves like every other output: a slow caller loses old results of a camera, and slows a
    recording down.
    """

    def __init__(
        self,
        source: Source,
        recognizer: Recognizer,
        outputs: Sequence[Output] = (),
        reopen: Callable[[], Source] | None = None,
        limits: EventLimits | None = None,
        *,
        gate: Gate | None = None,
        name: str | None = None,
        governed: bool = True,
        iterated: bool = True,
        overlapped: bool = True,
    ) -> None:
        """Take ownership of the source, which is closed at the end.

        Args:
            source: an open source.
            recognizer: detects and classifies faces.
            outputs: entered, written to and left on threads of their own.
            reopen: opens a live source again when it is lost; None ends the run with the stream.
            limits: conditions of the events that results carry; the default ones where there are none.
            gate: pauses and resumes the source; frames that are under way at a pause are dropped.
            name: name of the camera in results, instead of the source's own.
            governed: whether work is reduced when the board is hot or results are late; False where somebody else
                governs several pipelines.
            iterated: whether the caller takes results; False spares a thread's wake-up for each frame, and `poll` then
                only tells the end.
            overlapped: whether a frame is searched for faces while those of the last one are classified; False where
                other pipelines keep the processor busy, since a thread less is woken up for each frame.
        """
        drop = source.live
        recognizer.set_live(live=drop)
        self.statistics = recognizer.statistics
        self.statistics.set("faces_visible", 0)
        self._source, self._recognizer, self._reopen = source, recognizer, reopen
        self._name, self.gate = name, gate or Gate()
        self._events, self._last_events = Events(limits or EventLimits()), tuple[dict[str, Any], ...]()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._frames: Channel[Frame] = _channel(1 if drop else 4, drop, lambda frame: frame.nbytes)
        self._found: Channel[Found] = _channel(1 if drop else 4, drop, lambda found: found.frame.nbytes)
        self._results: Channel[FrameResult] = _channel(4, drop, _bytes_of)
        self._queues = [self._queue_for(output, drop) for output in outputs]
        self._outputs = outputs
        self._receivers = [*self._queues, self._results] if iterated else self._queues
        self._channels: list[Channel[Any]] = [self._frames, self._found, self._results, *self._queues]
        names = ["detection", "classification", "caller", *(output.name for output in outputs)]
        for name, channel in zip(names, self._channels, strict=True):
            self.statistics.watch(name, channel)
        two, one = [("detect", self._detect), ("classify", self._classify)], [("recognize", self._recognize)]
        stages: list[tuple[str, Callable[..., None], tuple[Any, ...]]] = [
            ("capture", self._capture, ()),
            *((name, run, ()) for name, run in (two if overlapped else one)),
            *((o.name, self._write, (o, q)) for o, q in zip(outputs, self._queues, strict=True)),
        ]
        if drop and governed:
            stages.append(("governor", self._govern, ()))
        self._waited_for = {output.name for output in outputs if output.complete and not drop}
        # Daemons, so that a thread that hangs in a driver does not keep the process alive.
        self._threads = [
            threading.Thread(target=run, args=arguments, name=name, daemon=True) for name, run, arguments in stages
        ]

    @property
    def event_limits(self) -> EventLimits:
        """Conditions of events; others hold from the next frame on, and may be set from any thread."""
        return self._events.limits

    @event_limits.setter
    def event_limits(self, limits: EventLimits) -> None:
        self._events.limits = limits

    def _queue_for(self, output: Output, live: bool) -> Channel[FrameResult]:
        carried = {"merge": self._carry_events} if isinstance(output, EventOutput) else {}
        return _channel(32, live or not output.complete, _bytes_of, **carried)

    def _carry_events(self, dropped: FrameResult, following: FrameResult) -> FrameResult:
        """Return the result after a dropped one with the events of both."""
        events = dropped.events + following.events
        if lost := max(0, len(events) - CARRIED_EVENTS):
            self.statistics.count("events_lost", lost)
        return replace(following, events=events[lost:]) if dropped.events else following

    def __enter__(self) -> "Pipeline":
        self.gate.follow(self._follow_gate)
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError as error:  # no more threads can be had: those that have started end before the process
            self._threads = [thread for thread in self._threads if thread.ident]
            self.__exit__(type(error), error, None)
            raise
        return self

    def __iter__(self) -> Iterator[FrameResult]:
        """Yield results until the end of the source or the stop; raise the error of a stage."""
        yield from self._results
        self._raise_error()

    def poll(self, timeout: float) -> FrameResult | None:
        """Return the next result, or None after `timeout` seconds without one.

        Raises:
            Closed: there are no more results.
            Exception: the error of a stage.
        """
        try:
            return self._results.poll(timeout)
        except Closed:
            self._raise_error()
            raise

    def stop(self) -> None:
        """Stop taking frames and return at once; frames already taken are processed."""
        self._stopping.set()
        self._frames.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:  # the caller failed, so the outputs are not complete
            self._fail(error)
        self.stop()
        self._results.close(discard=True)  # the caller takes no more results
        self._join()
        if error is None:
            self._raise_error()

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._stopping.set()
        for channel in self._channels:
            channel.close(discard=True)

    def _raise_error(self) -> None:
        if self._error:
            raise self._error

    def _join(self) -> None:
        """Wait for all threads, without a limit for those that finish files of a recording."""
        deadline = time.monotonic() + STOP_TIMEOUT
        for thread in self._threads:
            thread.join(None if thread.name in self._waited_for else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("%s did not end within %.1f s and is abandoned", thread.name, STOP_TIMEOUT)

    @contextmanager
    def _stage(self, *given_to: Channel[Any], taken_from: Channel[Any] | None = None) -> Iterator[None]:
        """At the end of a stage, let the next one finish its items, and stop the one before.

        An error of the stage ends the pipeline and reaches the caller. It is recorded before the channels close, so
        that no output takes the end of a failed run for the end of the recording.
        """
        try:
            yield
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._fail(error)
        finally:
            for channel in given_to:
                channel.close()
            if taken_from is not None:
                taken_from.close(discard=True)

    def _capture(self) -> None:
        with self._stage(self._frames):
            Feed(
                self._source, self._reopen, self._stopping, self._deliver, self._note_source, self.gate, self._name
            ).run()

    def _deliver(self, frame: Frame) -> None:
        self.statistics.count("captured")  # first, so that no frame is processed before it is counted
        self._frames.put(frame)
        self._frames.wait_for_room(frame.nbytes)  # before the next one is decoded

    def _follow_gate(self, paused: bool) -> None:
        self.statistics.set("paused", paused)
        if paused:
            self._forget_pixels()

    def _forget_pixels(self) -> None:
        """Drop all pictures that wait, and overwrite those in the networks; events are kept for their outputs."""
        for channel in (self._frames, self._found, self._results):
            channel.clear()
        for output, queue in zip(self._outputs, self._queues, strict=True):
            queue.change(FrameResult.blank if isinstance(output, EventOutput) else lambda result: None)
        self._recognizer.blank()

    def _note_source(self, event: str) -> None:
        self.statistics.count(f"source.{event}")
        self.statistics.set(AWAY, event != BACK)

    def _govern(self) -> None:
        with self._stage():
            govern(
                self.statistics, lambda: recent_age(self.statistics), self._recognizer.set_load_level, self._stopping
            )

    def _detect(self) -> None:
        with self._stage(self._found, taken_from=self._frames):
            self._frames.hand_to(self._detect_one)

    def _detect_one(self, frame: Frame) -> None:
        self._found.put(self._recognizer.detect(frame))
        if self.gate.paused:  # since the frame was taken
            self._recognizer.blank()

    def _classify(self) -> None:
        self._answer(self._found, self._classify_one)

    def _recognize(self) -> None:
        self._answer(self._frames, lambda frame: self._classify_one(self._recognizer.detect(frame)))

    def _answer(self, taken_from: Channel[Any], take: Callable[[Any], None]) -> None:
        with self._stage(*self._queues, self._results, taken_from=taken_from):
            taken_from.hand_to(take)
            self._last_events = tuple(self._events.end())  # before the queues close, and their outputs end

    def _classify_one(self, found: Found) -> None:
        result = self._recognizer.classify(found)
        if not self.gate.paused:
            self._pass_on(result)
        if self.gate.paused:  # perhaps since a moment
            self._forget_pixels()

    def _pass_on(self, result: FrameResult) -> None:
        result = self._events.add_to(result)
        self._note(result)
        for queue in self._receivers:
            queue.put(result)
        for queue in self._receivers:
            queue.wait_for_room(result.frame.nbytes)

    def _write(self, output: Output, queue: Channel[FrameResult]) -> None:
        def write(result: FrameResult) -> None:
            if self.gate.paused:
                if isinstance(output, EventOutput):
                    output.end(result.events)
                return
            with self.statistics.timed(output.name):
                output.write(result)

        with self._stage(taken_from=queue), writing(f"the output {output.name}"), output:
            queue.hand_to(write)
            if self._error:
                raise Closed  # a file that appears whole must not appear now
            if isinstance(output, EventOutput):
                output.end(self._last_events)

    def _note(self, result: FrameResult) -> None:
        self.statistics.answered()
        self.statistics.add("frame age", result.latency)
        self.statistics.count("faces", len(result.faces))
        self.statistics.count("frames_with_faces", bool(result.faces))
        self.statistics.set("faces_visible", len(result.faces))
        for event in result.events:
            if event["event"] == "emotion_changed":
                self.statistics.count(LABEL_CHANGES + (event["to"] or NO_LABEL))


def _bytes_of(result: FrameResult) -> int:
    return result.frame.nbytes


def _channel(capacity: int, drop_oldest: bool, size_of: Callable[[Any], int], **options: Any) -> Channel[Any]:
    return Channel(capacity, drop_oldest=drop_oldest, most_bytes=QUEUE_BYTES, size_of=size_of, **options)
