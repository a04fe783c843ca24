"""The hand-over between two threads: a short bounded queue that either drops or waits."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - an end, no error
    """The other side has ended."""


class Channel(Generic[T]):
    """A bounded first-in, first-out queue for one producer and one consumer.

    Live video wants the newest frame: `drop_oldest` makes room and counts what was lost. A file wants every frame:
    without it, `put` waits for the consumer.
    """

    def __init__(self, capacity: int, *, drop_oldest: bool) -> None:
        self._items: deque[T] = deque()
        self._capacity, self._drop_oldest = capacity, drop_oldest
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Hand an item over.

        Raises:
            Closed: the channel was closed, perhaps while this call waited.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not self._closed:
                if self._drop_oldest:
                    self._items.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def get(self) -> T:
        """Take the oldest item, waiting for one.

        Raises:
            Closed: the channel was closed and everything in it has been taken.
        """
        item = self.poll(None)
        assert item is not None
        return item

    def poll(self, timeout: float | None) -> T | None:
        """Take the oldest item; None when `timeout` seconds pass without one.

        Raises:
            Closed: as for `get`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._closed:
                raise Closed
            return None

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """Everything that comes, until the channel is closed and empty."""
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def close(self, *, discard: bool = False) -> None:
        """End the channel: what is in it may still be taken, or is thrown away at once with `discard`."""
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()
