"""The interface of a destination of results."""

from types import TracebackType
from typing import Protocol

from edge.faces.results import FrameResult


class Output(Protocol):
    """A destination. `write` may be slow: it has a thread and a bounded queue of its own.

    Attributes:
        name: as the statistics give it.
        complete: whether it is to have every result of a recording, which waits for it. One that is told to others as
            it happens is not: when it is behind it loses the oldest, and when it hangs it is abandoned, as every
            output of a camera is.
    """

    name: str
    complete: bool

    def __enter__(self) -> "Output": ...

    def write(self, result: FrameResult) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
