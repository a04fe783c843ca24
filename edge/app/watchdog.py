"""Notify systemd that a run is ready, alive or ending (sd_notify(3)); do nothing if systemd did not start it.

A run is alive if frames are processed, if it is paused, or if the feed tries to open a lost source again and no frame
waits for its answer. A running main thread proves neither. Outputs do not count, since a run continues without one that
hangs.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from edge.base.run_statistics import Statistics
from edge.pipeline.feed import TROUBLES

HEARTBEAT_INTERVAL = 1.0
"""Least seconds between two heartbeats."""

PATIENCE = 45.0
"""Seconds without a sign of life after which one of several cameras hangs: attempts to open a lost one are 40 s apart.
"""


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1` to systemd's socket; never waits, never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # An @ stands for the zero byte of an abstract socket's name.
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as post:
        post.setblocking(False)
        post.sendto("\n".join(assignments).encode(), name)


def notify_waiting() -> None:
    """Report an attempt to open a missing source; ready as well, so that the board's start does not wait."""
    notify("READY=1", "STATUS=waiting for the source", "WATCHDOG=1")


@contextmanager
def announced(statistics: Statistics) -> Iterator["Heartbeat"]:
    """Report that a pipeline runs, and at the end of the block that it stops; the caller sends the heartbeats.

    Args:
        statistics: the pipeline's statistics.
    """
    notify("READY=1", "STATUS=running")
    try:
        yield Heartbeat(statistics)
    finally:
        notify("STOPPING=1", "STATUS=stopping")


class Heartbeat:
    """Heartbeat that is sent only while a pipeline is alive."""

    def __init__(self, statistics: Statistics) -> None:
        self._pulse = _Pulse(statistics)
        self._next = 0.0

    def update(self, now: float) -> None:
        """Send a heartbeat if the pipeline was alive since the last one.

        Args:
            now: seconds of a steady clock.
        """
        if now < self._next:
            return
        self._next = now + HEARTBEAT_INTERVAL
        if self._pulse.alive():
            notify("WATCHDOG=1")


class CamerasHeartbeat:
    """Heartbeat of several cameras, sent while each of them was alive within `PATIENCE`."""

    def __init__(self) -> None:
        self._pulses: dict[int, _Pulse] = {}
        self._alive_at: dict[int, float] = {}
        self._next = 0.0

    def update(self, now: float, running: Iterable[Statistics]) -> None:
        """Send a heartbeat if it is due.

        Args:
            now: seconds of a steady clock.
            running: statistics of the cameras whose source is open.
        """
        if now < self._next:
            return
        self._next = now + HEARTBEAT_INTERVAL
        if all([self._was_alive(statistics, now) for statistics in running]):  # noqa: C419 - all are looked at
            notify("WATCHDOG=1")

    def _was_alive(self, statistics: Statistics, now: float) -> bool:
        pulse = self._pulses.setdefault(id(statistics), _Pulse(statistics))
        if pulse.alive() or id(statistics) not in self._alive_at:
            self._alive_at[id(statistics)] = now
        return now - self._alive_at[id(statistics)] <= PATIENCE


class _Pulse:
    """Signs of life of one pipeline."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics, self._count = statistics, statistics.count_of
        self._answered = self._captured = self._tried = 0

    def alive(self) -> bool:
        """Return whether the pipeline was alive since the last call."""
        answered, captured = self._count("frames"), self._count("captured")
        tried = sum(self._count(f"source.{trouble}") for trouble in TROUBLES)
        if self._statistics.states().get("paused"):
            return True
        waiting = captured > self._captured
        if answered == self._answered and (waiting or tried == self._tried):
            return False
        self._answered, self._captured, self._tried = answered, captured, tried
        return True
