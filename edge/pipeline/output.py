"""The interface of a destination of results."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from edge.faces.results import FrameResult


class Output(Protocol):
    """A destination. `write` may be slow, as it has a thread and a bounded queue of its own.

    Attributes:
        name: name in the statistics.
        complete: True if it needs every result of a recording, which then waits for it. Otherwise it loses the oldest
            results when it is behind, and is abandoned when it hangs, like every output of a camera.
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
    """A destination of all events in order; events of a dropped frame come with the next frame."""

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        """Take events without a frame: of frames that a pause drops, and after the last frame unless the run fails."""
