"""A limit on what waits or is at work at one time."""

from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):  # noqa: N818
    """All places are taken."""


class Places:
    """A limited number of places; for the server's thread.

    Attributes:
        waiting: number of places that are taken.
    """

    def __init__(self, most: int) -> None:
        self._most, self.waiting = most, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Reserve a place.

        Raises:
            Busy: none is left.
        """
        if self.waiting >= self._most:
            raise Busy
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1
