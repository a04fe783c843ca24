"""Keeps frames coming: a camera that is lost is opened again, with growing pauses, until somebody says stop."""

import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import replace

from edge.errors import UserError
from edge.frames import Frame
from edge.sources import Source

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds


def frames(source: Source, reopen: Callable[[], Source] | None, stop: threading.Event) -> Generator[Frame]:
    """All frames of a source, until its end or until `stop` is set; the source is closed then.

    Args:
        source: an open source.
        reopen: opens a live source anew, or raises UserError; without it the end of the stream is the end.
        stop: set by the owner; looked at between two frames.
    """
    count = 0
    while True:
        try:
            while not stop.is_set() and (frame := source.read()) is not None:
                yield replace(frame, seq=count)  # a source that was opened again would count from 0
                count += 1
        finally:
            source.close()
        if stop.is_set() or not source.live or reopen is None:
            return
        log.warning("%s: lost, trying to open it again", source.name)
        again = _reopened(reopen, stop)
        if again is None:
            return
        source = again
        log.warning("%s: back", source.name)


def _reopened(reopen: Callable[[], Source], stop: threading.Event) -> Source | None:
    """The source once it is back; None when stopped while waiting."""
    pause = FIRST_PAUSE
    while not stop.wait(pause):
        try:
            return reopen()
        except UserError as error:
            log.info("%s", error)
            pause = min(2 * pause, LONGEST_PAUSE)
    return None
