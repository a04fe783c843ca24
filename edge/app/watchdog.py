"""Tells systemd how a run is: ready, alive, ending (sd_notify(3)). Where systemd did not start it, nobody is told.

What alive means: frames are answered; or the feed tries to open a lost source again, and no frame waits for its answer.
A main thread that runs proves neither, so it is not asked. Outputs do not count either: a run goes on without one that
hangs.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edge.base.run_statistics import Statistics
from edge.pipeline.feed import TROUBLES

HEARTBEAT_INTERVAL = 1.0
"""Seconds between two heartbeats, at least."""


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1` to the socket that systemd named; never waits, never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # An @ stands for the zero byte of a name that is in no file system.
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as post:
        post.setblocking(False)
        post.sendto("\n".join(assignments).encode(), name)


def notify_waiting() -> None:
    """Tell that a source that is not there yet was tried again: ready for it, for the board's start is not to wait."""
    notify("READY=1", "STATUS=waiting for the source", "WATCHDOG=1")


@contextmanager
def announced(statistics: Statistics) -> Iterator["Heartbeat"]:
    """Tell that a pipeline runs, and at the end of the block that it stops; in between, the heartbeat is the caller's.

    Args:
        statistics: of the pipeline.
    """
    notify("READY=1", "STATUS=running")
    try:
        yield Heartbeat(statistics)
    finally:
        notify("STOPPING=1", "STATUS=stopping")


class Heartbeat:
    """Beats while a pipeline is alive, and only then."""

    def __init__(self, statistics: Statistics) -> None:
        self._count = statistics.count_of
        self._answered = self._captured = self._tried = 0
        self._next = 0.0

    def look(self, now: float) -> None:
        """Beat if there was life since the last beat.

        Args:
            now: seconds on any clock that goes on evenly.
        """
        if now < self._next:
            return
        self._next = now + HEARTBEAT_INTERVAL
        if self._alive():
            notify("WATCHDOG=1")

    def _alive(self) -> bool:
        answered, captured = self._count("frames"), self._count("captured")
        tried = sum(self._count(f"source.{trouble}") for trouble in TROUBLES)
        waiting = captured > self._captured
        if answered == self._answered and (waiting or tried == self._tried):
            return False
        self._answered, self._captured, self._tried = answered, captured, tried
        return True
