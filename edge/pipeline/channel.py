"""The hand-over between two threads: a short bounded queue that either drops or waits."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - an end, no error
    """The other side has ended."""


class Channel(Generic[T]):
    """A first-in, first-out queue for one producer and one consumer, bounded in items and in bytes.

    Live video wants the newest frame: `drop_oldest` makes room and counts what was lost. A file wants every frame:
    without it, `put` waits for the consumer.
    """

    def __init__(
        self,
        capacity: int,
        *,
        drop_oldest: bool,
        most_bytes: float = math.inf,
        size_of: Callable[[T], int] = lambda item: 0,
        merge: Callable[[T, T], T] = lambda dropped, following: following,
    ) -> None:
        """Make an empty queue.

        Args:
            capacity: most waiting items, at least 1.
            drop_oldest: whether a full queue drops its oldest item; otherwise the producer waits.
            most_bytes: limit on the bytes of the waiting items and the one that the consumer has not finished; a larger
                item is held alone.
            size_of: returns the bytes of an item.
            merge: makes one item of a dropped one and the next, of the same size.
        """
        self._items: deque[T] = deque()
        self._capacity, self._drop_oldest = capacity, drop_oldest
        self._most_bytes, self._size_of, self._merge = most_bytes, size_of, merge
        self._bytes = self._unfinished = 0
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item.

        Raises:
            Closed: the channel was closed, perhaps while this call waited.
        """
        with self._changed:
            while self._full_for(item) and not self._closed:
                if not self._drop_oldest:
                    self._changed.wait()
                elif self._items:
                    item = self._drop_oldest_for(item)
                else:
                    break  # the newest is always kept
            if self._closed:
                raise Closed
            self._items.append(item)
            self._bytes += self._size_of(item)
            self._changed.notify_all()

    def wait_for_room(self, size: int) -> None:
        """Wait until an item of `size` bytes fits; return at once if the oldest is dropped for it.

        A producer that waits before it makes a large item holds none while the consumer works on the last one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._drop_oldest or self._closed or not self._too_large(size))

    def get(self) -> T:
        """Wait for the oldest item and take it.

        Raises:
            Closed: the channel was closed and everything in it has been taken.
        """
        item = self.poll(None)
        assert item is not None
        return item

    def poll(self, timeout: float | None) -> T | None:
        """Take the oldest item; return None after `timeout` seconds without one.

        Raises:
            Closed: as for `get`.
        """
        with self._changed:
            self._unfinished = 0  # a consumer that asks for the next item has finished the last
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            if self._items:
                item = self._remove_oldest()
                self._unfinished = self._size_of(item)
                self._changed.notify_all()
                return item
            if self._closed:
                raise Closed
            return None

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return len(self._items)

    def hand_to(self, take: Callable[[T], None]) -> None:
        """Call `take` with each item until the channel is closed and empty.

        Unlike in a loop, no variable keeps an item during the wait for the next.
        """
        while True:
            try:
                item = [self.get()]
            except Closed:
                return
            take(item.pop())

    def __iter__(self) -> Iterator[T]:
        """Yield items until the channel is closed and empty."""
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def close(self, *, discard: bool = False) -> None:
        """Close the channel; its items can still be taken, or are dropped with `discard`."""
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
                self._bytes = 0
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop all items; they do not count as dropped."""
        self.change(lambda item: None)

    def change(self, changed: Callable[[T], T | None]) -> None:
        """Replace each waiting item by what `changed` returns for it; None drops it, and does not count as dropped."""
        with self._changed:
            self._items = deque(new for item in self._items if (new := changed(item)) is not None)
            self._bytes = sum(map(self._size_of, self._items))
            self._changed.notify_all()

    def _drop_oldest_for(self, item: T) -> T:
        dropped = self._remove_oldest()
        self.dropped += 1
        if not self._items:
            return self._merge(dropped, item)
        self._items[0] = self._merge(dropped, self._items[0])
        return item

    def _full_for(self, item: T) -> bool:
        return self._too_large(self._size_of(item)) or len(self._items) >= self._capacity

    def _too_large(self, size: int) -> bool:
        before = self._unfinished + self._bytes
        return before > 0 and before + size > self._most_bytes

    def _remove_oldest(self) -> T:
        item = self._items.popleft()
        self._bytes -= self._size_of(item)
        return item
