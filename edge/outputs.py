"""Where results go: records, annotated video, a window. Each is used by one thread."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

import numpy as np

from edge.annotate import annotate
from edge.clock import Clock
from edge.errors import UserError
from edge.events import Events
from edge.files import end_at_line, whole_file
from edge.frames import Frame
from edge.options import EventLimits
from edge.results import FrameResult
from edge.video_formats import container_of
from edge.video_writer import VideoWriter, create_video


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


class JsonLines:
    """The record of each frame, one a line, to a file or, for `-`, to standard output.

    A recording's file appears whole at the end. A camera's grows line by line, so that others can follow it, and ends
    with a whole line also where the disk is full in the middle of one.
    """

    name = "jsonl"
    complete = True

    def __init__(self, path: Path, *, live: bool) -> None:
        self._path, self._live = path, live
        self._file = ExitStack()
        self._stream: TextIO = sys.stdout

    def __enter__(self) -> Self:
        if str(self._path) == "-":
            self._file.callback(self._stream.flush)
            return self
        path = self._path if self._live else self._file.enter_context(whole_file(self._path))
        if self._live:
            self._file.callback(end_at_line, path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Entered second, so closed first: before the rename.
            self._stream = self._file.enter_context(path.open("w"))
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})", "give the path of a file") from error
        return self

    def write(self, result: FrameResult) -> None:
        self._put(result.record())

    def _put(self, line: dict[str, Any]) -> None:
        self._stream.write(json.dumps(line) + "\n")
        if self._live or self._stream is sys.stdout:
            self._stream.flush()  # who follows the file, or reads the pipe, wants each line when it is made

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


class EventLines(JsonLines):
    """What happened, see `edge.events`, one event a line, in the same way."""

    name = "events"

    def __init__(self, path: Path, limits: EventLimits, *, live: bool) -> None:
        super().__init__(path, live=live)
        self._events = Events(limits)

    def write(self, result: FrameResult) -> None:
        for event in self._events.update(result):
            self._put(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for event in self._events.end():
                self._put(event)
        super().__exit__(kind, error, trace)


class AnnotatedVideo:
    """The frames with what was found drawn over them, as a video that browsers play, each at its own time.

    A recording's file appears whole at the end. A camera's grows, and can be played whatever ends the run.
    """

    name = "video"
    complete = True

    def __init__(self, path: Path, fps: float | None, *, live: bool = False, clock: Clock | None = None) -> None:
        """Check the format.

        Args:
            path: ends in .mp4, .mkv or .webm.
            fps: frames a second that the source promises, where it knows.
            live: whether the file grows at its path, and outages of the source are shortened.
            clock: tells the time that is shown; by default since the first frame, or of day if `live`.

        Raises:
            UserError: such a file cannot be written.
        """
        container_of(path)
        self._path, self._fps, self._live = path, fps, live
        self._clock = clock or Clock(live=live)
        self._file = ExitStack()
        self._writer: VideoWriter | None = None
        self._picture: np.ndarray | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        self._writer = self._writer or self._open(result.frame)
        captured = result.frame.captured
        self._picture = annotate(result, self._clock.text(captured), self._picture)
        self._writer.write(self._picture, captured)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def _open(self, first: Frame) -> VideoWriter:
        """Open the file with the first frame, whose size it takes: without a frame there is no file."""
        size = first.width, first.height
        return self._file.enter_context(create_video(self._path, size, self._fps, growing=self._live))
