"""Annotated video."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.faces.results import FrameResult
from edge.outputs.annotate import draw
from edge.outputs.clock import Clock
from edge.outputs.video_formats import container_of
from edge.outputs.video_writer import VideoWriter, create_video
from edge.sources.frame import Frame
from edge.sources.pixels import YuvPixels


class AnnotatedVideo:
    """Writes annotated frames as a video that browsers play, each at its own time.

    A recording's file appears whole at the end. A camera's file grows, and can be played however the run ends.
    """

    name = "video"
    complete = True

    def __init__(self, path: Path, fps: float | None, *, live: bool = False, clock: Clock | None = None) -> None:
        """Check the format.

        Args:
            path: path that ends in .mp4, .mkv or .webm.
            fps: nominal frame rate of the source; None where it is unknown.
            live: whether the file grows at its path and outages of the source are shortened.
            clock: clock in the pictures; by default time since the first frame, or date and time if `live`.

        Raises:
            UserError: such a file cannot be written.
        """
        container_of(path)
        self._path, self._fps, self._live = path, fps, live
        self._clock = clock or Clock(live=live)
        self._file = ExitStack()
        self._writer: VideoWriter | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        self._writer = self._writer or self._open(result.frame)
        captured = result.frame.captured
        self._writer.write(result.frame.pixels, captured, partial(draw, result, self._clock.text(captured)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def _open(self, first: Frame) -> VideoWriter:
        """Open the file in the size of the first frame; without a frame there is no file."""
        size, bt709 = (first.width, first.height), isinstance(first.pixels, YuvPixels) and first.pixels.bt709
        return self._file.enter_context(create_video(self._path, size, self._fps, growing=self._live, bt709=bt709))
