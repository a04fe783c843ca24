"""From one giver to many clients, none of which can hold another back: each has a slot with the newest only.

All of it belongs to the server's event loop, but for `Topic.wanted`, which any thread may read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager


class Full(Exception):  # noqa: N818 - a state, no error
    """There are as many clients as there may be."""


class Slot:
    """Newest unsent item of each kind for one client: slow clients skip items and are never behind."""

    def __init__(self) -> None:
        self._items: dict[str, bytes] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, kind: str, item: bytes) -> None:
        self._items[kind] = item
        self._changed.set()

    def close(self) -> None:
        """End; what is in it may still be taken."""
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
    """Something that clients follow."""

    def __init__(self, most: int) -> None:
        """Let at most `most` clients in."""
        self._most, self._closed = most, False
        self._slots: set[Slot] = set()
        self._kept: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def wanted(self) -> bool:
        """Return whether there are followers."""
        return bool(self._slots)

    @contextmanager
    def joined(self, opening: bytes) -> Iterator[Slot]:
        """A slot, for as long as the block lasts; `opening` and what is kept are in it from the start.

        Raises:
            Full: no place is left, or the end has come.
        """
        if self._closed or len(self._slots) >= self._most:
            raise Full
        slot = Slot()
        for kind, item in {"opening": opening, **self._kept}.items():
            slot.put(kind, item)
        self._slots.add(slot)
        try:
            yield slot
        finally:
            self._slots.discard(slot)

    def publish(self, kind: str, item: bytes) -> None:
        """Give everybody the newest of a kind."""
        for slot in self._slots:
            slot.put(kind, item)

    def keep(self, kind: str, item: bytes) -> None:
        """Give everybody the last of a kind, and whoever comes later, too."""
        self._kept[kind] = item
        self.publish(kind, item)

    def close(self) -> None:
        """End for everybody, and let nobody in any more."""
        self._closed = True
        for slot in self._slots:
            slot.close()
