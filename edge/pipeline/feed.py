"""Feed of frames: a camera that is lost, silent or frozen is opened again, after growing pauses.

A live source is read on a thread of its own, so that a read that never returns can be abandoned: drivers and network
libraries may hang and cannot be interrupted.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import replace

import numpy as np

from edge.base.errors import UserError
from edge.pipeline.channel import Closed
from edge.pipeline.gate import Gate
from edge.sources import Source
from edge.sources.frame import Frame
from edge.sources.pixels import Pixels
from edge.sources.playback import Realtime

log = logging.getLogger(__name__)

FIRST_RETRY_DELAY, MAX_RETRY_DELAY = 0.5, 30.0
"""Seconds between two attempts to open a source again."""

FRAME_TIMEOUT = 4.0
"""Seconds without a frame after which a source is abandoned; twice as many before the first."""

FROZEN_TIMEOUT = 4.0
"""Seconds of identical pixels after which a picture counts as frozen; every sensor has noise."""

FIRST_INTERVAL = 10.0
"""Seconds between two logged losses; they double while a camera is lost again and again."""

TICK = 0.1
"""Seconds between two checks of a source that is being read."""

TROUBLES = ("lost", "silent", "frozen", "unopened")
"""Reasons for reopening a source; `unopened`: it could not be opened."""

PAUSED = "paused"
"""Reason for closing a source that is no trouble."""

BACK = "back"
"""Event of a source that gives frames again."""

SAMPLED = 8
"""Step in rows and columns of the pixels that are compared for changes."""


def waited_for(
    attempt: Callable[[], Source | None], stop: threading.Event, note: Callable[[UserError], None]
) -> Source | None:
    """Attempt to open a source until it is there; return None where an attempt does or `stop` is set.

    Args:
        attempt: opens it, see `opened`.
        stop: ends the wait.
        note: called with the error of each attempt; ends the wait where it raises it again.

    Raises:
        UserError: `note` has raised it.
    """
    pause = FIRST_RETRY_DELAY
    while True:
        try:
            return attempt()
        except UserError as error:
            note(error)
        if stop.wait(pause):
            return None
        pause = min(2 * pause, MAX_RETRY_DELAY)


def opened(open_: Callable[[], Source], stop: threading.Event) -> Source | None:
    """Open a source on a thread of its own, since a hanging driver or network cannot be interrupted.

    Return None if `stop` is set before it is open; a source that opens later is closed.

    Raises:
        Exception: the error of opening.
    """
    opening: Future[Source] = Future()

    def run() -> None:
        try:
            opening.set_result(open_())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            opening.set_exception(error)

    threading.Thread(target=run, name="opening", daemon=True).start()
    while not stop.is_set():
        if wait([opening], TICK).done:
            return opening.result()
    opening.add_done_callback(_close_late)
    return None


def _close_late(opening: Future[Source]) -> None:
    if not opening.exception():
        opening.result().close()


class Feed:
    """Delivers all frames of a source until its end, or until it is stopped."""

    def __init__(
        self,
        source: Source,
        reopen: Callable[[], Source] | None,
        stop: threading.Event,
        deliver: Callable[[Frame], None],
        note: Callable[[str], None] = lambda event: None,
        gate: Gate | None = None,
        name: str | None = None,
    ) -> None:
        """Prepare; `run` starts.

        Args:
            source: an open source, which is closed at the end.
            reopen: opens a live source again, or raises UserError; None ends the run with the stream.
            stop: set by the owner; checked between two frames.
            deliver: called with each frame, numbered; numbers continue after a source was opened again.
            note: called with one of `TROUBLES`, or `BACK`, when it happens.
            gate: while it is paused, a live source that can be opened again is closed, and others are not read.
            name: name of the camera, instead of the source's own.
        """
        self._source, self._reopen, self._stop = source, reopen, stop
        self._deliver, self._note = deliver, note
        self._gate, self._name = gate or Gate(), name
        self._count, self._away, self._freeze_detector = 0, False, FreezeDetector()
        self._loss_logger = LossLogger(name or source.name)

    def run(self) -> None:
        """Read until the end.

        Raises:
            Exception: an error of the source; the loss of a camera is not an error.
        """
        # A recording may be still, or pause, for any time.
        if self._source.live and not isinstance(self._source, Realtime):
            self._watch()
        else:
            with closing(self._source):
                while self._gate.wait(self._stop) and (frame := self._source.read()) is not None:
                    self._pass_on(frame)
                    del frame  # large, and not needed while the next one is decoded

    def _watch(self) -> None:
        trouble, pause = self._read(lambda: self._source), FIRST_RETRY_DELAY
        while not self._stop.is_set() and self._reopen is not None:
            if trouble == PAUSED:
                self._freeze_detector.forget()
                if self._gate.wait(self._stop):
                    trouble, pause = self._read(self._reopen), FIRST_RETRY_DELAY
                continue
            self._loss_logger.lost(trouble, pause)
            self._note(trouble)
            self._away = True
            if self._stop.wait(pause):
                return
            trouble = PAUSED if self._gate.paused else self._read(self._reopen)
            pause = min(2 * pause, MAX_RETRY_DELAY) if self._away else FIRST_RETRY_DELAY

    def _read(self, open_: Callable[[], Source]) -> str:
        """Watch a reader until it ends, is stopped or is abandoned; return the reason."""
        reader = _Reader(open_, self._stop, self._pass_on, self._freeze_detector, self._gate)
        trouble = "lost"
        while not reader.ended.wait(TICK) and not self._stop.is_set():
            if self._gate.paused:
                if self._reopen is not None:
                    trouble = PAUSED
                    break
                reader.hold()
                self._freeze_detector.forget()
            elif found := reader.check_silent() or self._freeze_detector.check_frozen():
                trouble = found
                break
        reader.abandon()
        if trouble == "lost" and reader.error:
            if reader.opened or not isinstance(reader.error, UserError):
                raise reader.error
            log.info("%s", reader.error)
            return "unopened"
        return trouble

    def _pass_on(self, frame: Frame) -> None:
        if self._gate.paused:  # it was being read when the camera was paused
            return
        if self._away:
            self._loss_logger.back()
            self._note(BACK)
            self._away = False
        self._deliver(replace(frame, seq=self._count, source=self._name or frame.source))
        self._count += 1


class _Reader:
    """Opens and reads a live source on a thread of its own.

    Attributes:
        ended: set when it has stopped reading.
        opened: whether opening succeeded.
        error: its error, if any.
    """

    def __init__(
        self,
        open_: Callable[[], Source],
        stop: threading.Event,
        deliver: Callable[[Frame], None],
        freeze_detector: "FreezeDetector",
        gate: Gate,
    ) -> None:
        self._open, self._stop, self._deliver, self._freeze_detector = open_, stop, deliver, freeze_detector
        self._gate = gate
        self.ended, self._abandoned = threading.Event(), threading.Event()
        self.opened = False
        self.error: BaseException | None = None
        self._last, self._timeout = time.monotonic(), 2 * FRAME_TIMEOUT
        # A daemon, so that a hanging driver does not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def check_silent(self) -> str | None:
        """Return `silent` after too long without a frame, otherwise None."""
        return "silent" if time.monotonic() - self._last > self._timeout else None

    def hold(self) -> None:
        """Count the time until now as if there had been a frame."""
        self._last = time.monotonic()

    def abandon(self) -> None:
        """Take no more frames from it. If its read returns, it closes the source."""
        self._abandoned.set()
        self._thread.join(1.0)
        if self._thread.is_alive():
            log.warning("the camera's thread hangs and is abandoned")

    def _run(self) -> None:
        try:
            with closing(self._open()) as source:
                self.opened = True
                # A polled source makes a new request for each picture, so opening it again changes nothing.
                watched = not getattr(source, "polled", False)
                while self._may_read() and (frame := source.read()) is not None:
                    if self._abandoned.is_set():  # read() has returned after all, while another reader is active
                        return
                    if not self._gate.paused:
                        self._take(frame, watched=watched)
                    del frame  # large, and not needed while the next one is waited for
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the watching thread
            self.error = error
        finally:
            self.ended.set()

    def _take(self, frame: Frame, *, watched: bool) -> None:
        self._last, self._timeout = time.monotonic(), FRAME_TIMEOUT
        if watched:
            self._freeze_detector.update(frame.pixels)
        self._deliver(frame)

    def _may_read(self) -> bool:
        """Wait while the camera is paused and this reader is not abandoned for it."""
        while self._gate.paused and not self._abandoned.wait(TICK) and not self._stop.is_set():
            pass
        return not (self._stop.is_set() or self._abandoned.is_set())


class LossLogger:
    """Logs a camera's losses and returns, less and less often if it is lost again and again."""

    def __init__(self, name: str) -> None:
        self._name, self._interval, self._quiet_until = name, FIRST_INTERVAL, -math.inf
        self._away, self._logged, self._unlogged_losses = False, False, 0

    def lost(self, trouble: str, pause: float) -> None:
        """Log the trouble, once for each logged loss; called before each attempt to open the camera."""
        self._logged, self._unlogged_losses = self._logged and self._away, self._unlogged_losses + (not self._away)
        self._away = True
        logs = not self._logged and time.monotonic() >= self._quiet_until
        often = f" ({self._unlogged_losses} times since this was last logged)" if self._unlogged_losses > 1 else ""
        level = logging.WARNING if logs else logging.INFO
        log.log(level, "%s: %s%s, trying to open it again in %.1f s", self._name, trouble, often, pause)
        if logs:
            self._interval = 2 * self._interval if self._unlogged_losses > 1 else FIRST_INTERVAL
            self._quiet_until = time.monotonic() + self._interval
            self._logged, self._unlogged_losses = True, 0

    def back(self) -> None:
        """Log the return if the loss was logged."""
        log.log(logging.WARNING if self._logged else logging.INFO, "%s: back", self._name)
        self._away = False


class FreezeDetector:
    """Detects a picture that does not change, across reopenings; one that persists is checked less and less often."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin again, with nothing of a picture."""
        self._sample: np.ndarray | None = None
        self._since = self._updated = time.monotonic()
        self._limit = FROZEN_TIMEOUT

    def update(self, pixels: Pixels) -> None:
        """Compare the next frame with the last one."""
        now = time.monotonic()
        sample = pixels.sample(SAMPLED)
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._since, self._limit = sample.copy(), now, FROZEN_TIMEOUT
        elif now - self._updated > FRAME_TIMEOUT:  # a pause without frames is not a frozen picture
            self._since = now
        self._updated = now

    def check_frozen(self) -> str | None:
        """Return `frozen` and double the limit if the picture has not changed for too long, otherwise None."""
        if self._updated - self._since <= self._limit:
            return None
        self._since, self._limit = self._updated, 2 * self._limit
        return "frozen"
