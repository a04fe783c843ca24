"""Keeps frames coming: a camera that is lost, silent or frozen is opened again, with growing pauses, until the stop.

A live source is read on a thread of its own. A read that never returns can then be given up: drivers and network
libraries hang, and what hangs cannot be interrupted.
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
from edge.sources import Source
from edge.sources.frame import Frame
from edge.sources.playback import Realtime

log = logging.getLogger(__name__)

FIRST_RETRY_DELAY, MAX_RETRY_DELAY = 0.5, 30.0
"""Seconds between two attempts to open a source again."""

FRAME_TIMEOUT = 4.0
"""Seconds without a frame after which a source is given up; before the first, twice as many."""

FROZEN_TIMEOUT = 4.0
"""Seconds of the very same pixels after which a picture is taken for frozen: no sensor is free of noise."""

FIRST_INTERVAL = 10.0
"""Seconds after a loss that was told in which no other one is; they double while a camera keeps being lost."""

TICK = 0.1
"""Seconds between two looks at a source that is being read."""

TROUBLES = ("lost", "silent", "frozen", "unopened")
"""Reasons for reopening a source; `unopened`: it could not be opened."""

SAMPLED = 8
"""One pixel of so many, each way, tells whether a picture has changed."""


def opened(open_: Callable[[], Source], stop: threading.Event) -> Source | None:
    """Open a source on a thread of its own: what hangs in a driver or a network cannot be interrupted.

    Returns None where `stop` was set before; a source that comes later is closed.

    Raises:
        Exception: what opening failed with.
    """
    opening: Future[Source] = Future()

    def run() -> None:
        try:
            opening.set_result(open_())
        except BaseException as error:  # noqa: BLE001 - handed over to who waits, traceback and all
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
    """Hands over all frames of a source until its end, or until it is stopped."""

    def __init__(
        self,
        source: Source,
        reopen: Callable[[], Source] | None,
        stop: threading.Event,
        deliver: Callable[[Frame], None],
        note: Callable[[str], None] = lambda event: None,
    ) -> None:
        """Prepare; `run` begins.

        Args:
            source: an open source, which is closed by the end.
            reopen: opens a live source anew, or raises UserError; without it the end of the stream is the end.
            stop: set by the owner; looked at between two frames.
            deliver: called with each frame; the frames of a source that was opened again are numbered on.
            note: called with one of `TROUBLES`, or `back`, when it happens.
        """
        self._source, self._reopen, self._stop = source, reopen, stop
        self._deliver, self._note = deliver, note
        self._count, self._away, self._stillness = 0, False, _Stillness()
        self._news = _News(source.name)

    def run(self) -> None:
        """Work until the end.

        Raises:
            Exception: what the source failed with; a loss is no failure.
        """
        # A recording may stand still, or pause, as long as it likes.
        if self._source.live and not isinstance(self._source, Realtime):
            self._watch()
        else:
            with closing(self._source):
                while not self._stop.is_set() and (frame := self._source.read()) is not None:
                    self._pass_on(frame)
                    del frame  # large, and of no use while the next is decoded

    def _watch(self) -> None:
        trouble, pause = self._read(lambda: self._source), FIRST_RETRY_DELAY
        while not self._stop.is_set() and self._reopen is not None:
            self._news.lost(trouble, pause)
            self._note(trouble)
            self._away = True
            if self._stop.wait(pause):
                return
            trouble = self._read(self._reopen)
            pause = min(2 * pause, MAX_RETRY_DELAY) if self._away else FIRST_RETRY_DELAY

    def _read(self, open_: Callable[[], Source]) -> str:
        """Watch a reader until it ends, is stopped, or is given up; what the matter was."""
        reader = _Reader(open_, self._stop, self._pass_on, self._stillness)
        trouble = "lost"
        while not reader.ended.wait(TICK) and not self._stop.is_set():
            if found := reader.silent() or self._stillness.frozen():
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
        if self._away:
            self._news.back()
            self._note("back")
            self._away = False
        self._deliver(replace(frame, seq=self._count))  # a source that was opened again would count from 0
        self._count += 1


class _Reader:
    """Opens and reads a live source on a thread of its own.

    Attributes:
        ended: set when it reads no more.
        opened: whether opening went well.
        error: what it failed with.
    """

    def __init__(
        self,
        open_: Callable[[], Source],
        stop: threading.Event,
        deliver: Callable[[Frame], None],
        still: "_Stillness",
    ) -> None:
        self._open, self._stop, self._deliver, self._still = open_, stop, deliver, still
        self.ended, self._abandoned = threading.Event(), threading.Event()
        self.opened = False
        self.error: BaseException | None = None
        self._last, self._patience = time.monotonic(), 2 * FRAME_TIMEOUT
        # A daemon: what hangs in a driver must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def silent(self) -> str:
        """`silent` where nothing has come for too long, else empty."""
        return "silent" if time.monotonic() - self._last > self._patience else ""

    def abandon(self) -> None:
        """Take nothing more from it. It closes the source when, and if, it comes back."""
        self._abandoned.set()
        self._thread.join(1.0)
        if self._thread.is_alive():
            log.warning("the camera's thread hangs and is abandoned")

    def _run(self) -> None:
        try:
            with closing(self._open()) as source:
                self.opened = True
                # What is polled is asked anew for each picture: nothing would change by opening it again.
                watched = not getattr(source, "polled", False)
                while not self._over() and (frame := source.read()) is not None:
                    if self._abandoned.is_set():  # read() came back after all, when another was reading already
                        return
                    self._last, self._patience = time.monotonic(), FRAME_TIMEOUT
                    if watched:
                        self._still.look(frame.image)
                    self._deliver(frame)
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - handed over to the watching thread, traceback and all
            self.error = error
        finally:
            self.ended.set()

    def _over(self) -> bool:
        return self._stop.is_set() or self._abandoned.is_set()


class _News:
    """Tells of a camera's losses and returns; of one that keeps being lost, less and less often."""

    def __init__(self, name: str) -> None:
        self._name, self._interval, self._quiet_until = name, FIRST_INTERVAL, -math.inf
        self._away, self._told, self._untold = False, False, 0

    def lost(self, trouble: str, pause: float) -> None:
        """Say what the trouble is, once for each loss that is told at all; called before each attempt to open it."""
        self._told, self._untold = self._told and self._away, self._untold + (not self._away)
        self._away = True
        told = not self._told and time.monotonic() >= self._quiet_until
        often = f" ({self._untold} times since this was told last)" if self._untold > 1 else ""
        level = logging.WARNING if told else logging.INFO
        log.log(level, "%s: %s%s, trying to open it again in %.1f s", self._name, trouble, often, pause)
        if told:
            self._interval = 2 * self._interval if self._untold > 1 else FIRST_INTERVAL
            self._quiet_until = time.monotonic() + self._interval
            self._told, self._untold = True, 0

    def back(self) -> None:
        """Say that it is back, where its loss was told."""
        log.log(logging.WARNING if self._told else logging.INFO, "%s: back", self._name)
        self._away = False


class _Stillness:
    """Notices a picture that does not change, across reopenings: one that stays is looked at less and less often."""

    def __init__(self) -> None:
        self._sample: np.ndarray | None = None
        self._since = self._looked = time.monotonic()
        self._limit = FROZEN_TIMEOUT

    def look(self, image: np.ndarray) -> None:
        now = time.monotonic()
        sample = image[::SAMPLED, ::SAMPLED]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._since, self._limit = sample.copy(), now, FROZEN_TIMEOUT
        elif now - self._looked > FRAME_TIMEOUT:  # while nothing came, nothing was still
            self._since = now
        self._looked = now

    def frozen(self) -> str:
        """`frozen` where the picture has not changed for too long, else empty; then patience doubles."""
        if self._looked - self._since <= self._limit:
            return ""
        self._since, self._limit = self._looked, 2 * self._limit
        return "frozen"
