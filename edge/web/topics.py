"""Broadcast to many clients; each keeps only the newest item of each kind.

Everything belongs to the server's event loop, except `Topic.wanted`, which any thread may read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, contextmanager


class Full(Exception):  # noqa: N818 - a state, not an error
    """All places for clients are taken."""


class Slot:
    """Newest unsent item of each topic and kind for one client; slow clients skip items."""

    def __init__(self, opening: bytes) -> None:
        self._items: dict[tuple[Topic | None, str], bytes] = {(None, "opening"): opening}
        self._changed = asyncio.Event()
        self._changed.set()
        self._closed = False

    def put(self, topic: "Topic", kind: str, item: bytes) -> None:
        self._items[topic, kind] = item
        self._changed.set()

    def drop(self, topic: "Topic") -> None:
        """Drop what has not been sent of a topic; an empty item takes the place of the last one in who sends it."""
        self._items = {key: item for key, item in self._items.items() if key[0] is not topic} | {(topic, ""): b""}
        self._changed.set()

    def close(self) -> None:
        """Close the slot; items in it can still be read."""
        self._closed = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await self._changed.wait()
            self._changed.clear()
            items, self._items = self._items, {}
            for item in items.values():
                yield item
            if self._closed and not self._items:
                return


class Topic:
    """Items of several kinds that clients follow."""

    def __init__(self, most: int) -> None:
        """Allow at most `most` clients."""
        self._most, self._closed = most, False
        self._slots: set[Slot] = set()
        self._kept: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def wanted(self) -> bool:
        """Return whether there are clients."""
        return bool(self._slots)

    @contextmanager
    def sends_to(self, slot: Slot) -> Iterator[None]:
        """Send all items to a slot for the length of the block, and the kept ones first.

        Raises:
            Full: no place is left, or the topic is closed.
        """
        if self._closed or len(self._slots) >= self._most:
            raise Full
        for kind, item in self._kept.items():
            slot.put(self, kind, item)
        self._slots.add(slot)
        try:
            yield
        finally:
            self._slots.discard(slot)

    def publish(self, kind: str, item: bytes) -> None:
        """Send an item to all clients; it replaces an unsent one of its kind."""
        for slot in self._slots:
            slot.put(self, kind, item)

    def keep(self, kind: str, item: bytes) -> None:
        """Send the last item of a kind to all clients, and to those that join later."""
        self._kept[kind] = item
        self.publish(kind, item)

    @property
    def keeps(self) -> bool:
        """Return whether something is kept for later clients."""
        return bool(self._kept)

    def release(self) -> None:
        """Drop what is kept for later clients."""
        self._kept.clear()

    def forget(self) -> None:
        """Drop what is kept for later clients and what has not been sent."""
        self.release()
        for slot in self._slots:
            slot.drop(self)

    def close(self) -> None:
        """Close all slots and refuse new clients."""
        self._closed = True
        for slot in self._slots:
            slot.close()


@contextmanager
def joined(topics: Iterable[Topic], opening: bytes) -> Iterator[Slot]:
    """Yield a slot that begins with `opening` and gets the items of all topics for the length of the block.

    Raises:
        Full: a topic has no place left, or is closed.
    """
    slot = Slot(opening)
    with ExitStack() as stack:
        for topic in topics:
            stack.enter_context(topic.sends_to(slot))
        yield slot
