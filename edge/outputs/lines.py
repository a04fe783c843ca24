"""Records and events as JSON, one object a line."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from edge.base.errors import UserError
from edge.base.files import end_at_line, whole_file
from edge.faces.results import FrameResult
from edge.outputs.rotation import RotatingFile, Rotation


class JsonLines:
    """Writes the record of each frame as a line to a file or, for `-`, to standard output.

    A recording's file appears whole at the end. A camera's file grows line by line, so that others can follow it, and
    ends with a whole line even on a full disk. It can be rotated.
    """

    name = "jsonl"
    complete = True

    def __init__(self, path: Path, *, live: bool, rotation: Rotation | None = None) -> None:
        self._path, self._live, self._rotation = path, live, rotation
        self._file = ExitStack()
        self._stream: TextIO | RotatingFile = sys.stdout

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
            if self._live and self._rotation:
                self._stream = self._file.enter_context(RotatingFile(path, self._rotation))
            else:
                self._stream = self._file.enter_context(path.open("w"))
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})", "give the path of a file") from error
        return self

    def write(self, result: FrameResult) -> None:
        self._put(result.line)

    def _put(self, line: str) -> None:
        self._stream.write(line + "\n")
        if self._live or self._stream is sys.stdout:
            self._stream.flush()  # followers of the file or the pipe get each line at once

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


class EventLines(JsonLines):
    """Writes events, see `edge.faces.events`, one a line, in the same way."""

    name = "events"

    def write(self, result: FrameResult) -> None:
        self.end(result.events)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            self._put(json.dumps(event))
