"""The interface of a destination of results."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class EventOutput(Output, Protocol):
    """A destination of events, in order and without gaps: those of a frame that its queue drops come with the next."""

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        """Take the events of the end of the run, after the last frame; not called where the run fails."""
