"""Raw frames from another program through a pipe."""

import time
from io import BufferedIOBase

import numpy as np

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources.frame import Frame
from edge.sources.pixel_formats import bytes_a_frame, bytes_a_row, decode
from edge.sources.pixels import BgrPixels
from edge.sources.raw_check import problem_of

LIBCAMERA_NAMES = {"bgr24": "RGB888", "rgb24": "BGR888", "gray": "R8", "yuv420p": "YUV420", "nv12": "NV12"}
"""libcamera's names of FFmpeg's pixel formats; libcamera names bytes in the opposite order."""

CHECKED_FRAMES = 8
"""Number of first frames that are checked against the given size and format."""


class RawSource:
    """Frames of one size and format, with nothing between them."""

    name = "standard input"
    total = duration = damage = None

    def __init__(self, stream: BufferedIOBase, capture: Capture) -> None:
        """Take ownership of an open stream.

        Raises:
            UserError: the format is unknown.
        """
        assert capture.size, "without it there are no raw frames"
        if capture.pixel_format not in LIBCAMERA_NAMES:
            raise UserError(f"{capture.pixel_format}: no such pixel format", f"use one of {', '.join(LIBCAMERA_NAMES)}")
        self.live, self.fps = capture.live, capture.fps
        self._stream, self._size, self._format = stream, capture.size, LIBCAMERA_NAMES[capture.pixel_format]
        self._bytes = bytes_a_frame(self._format, self._size)
        self._given, self._opened = 0, time.time()

    def check_length(self, length: int) -> None:
        """Check that a file of `length` bytes holds whole frames.

        Raises:
            UserError: it does not.
        """
        if length % self._bytes:
            raise UserError(
                f"{self.name}: {length} bytes are not a whole number of frames of {self._bytes} bytes",
                "check --size and --pixel-format; without --size a container or an H.264 stream is read",
            )

    def read(self) -> Frame | None:
        content = np.empty(self._bytes, np.uint8)
        length = 0 if self._stream.closed else self._stream.readinto(content.data)
        if length < self._bytes:
            if length:
                raise UserError(
                    f"{self.name}: ends within frame {self._given}, {length} of {self._bytes} bytes",
                    "check --size and --pixel-format against what the other program writes",
                )
            return None
        # A recording's frames have their own times, by the given rate or else a camera's usual one.
        captured = time.time() if self.live else self._opened + self._given / (self.fps or 30.0)
        if self._given < CHECKED_FRAMES:
            self._check(content)
        image = decode(content, self._format, self._size, reused=False)
        self._given += 1
        return Frame(captured, BgrPixels(image), self.name, time.monotonic())

    def _check(self, content: np.ndarray) -> None:
        """Check a frame's size and format, by all its bytes or by those of its brightness."""
        examined = content if self._given % 2 == 0 else content[: len(content) // 2]
        if problem := problem_of(examined, bytes_a_row(self._format, self._size[0])):
            raise UserError(
                f"{self.name}: frame {self._given} does not have that size and format ({problem})",
                "check --size and --pixel-format; without --size a container or an H.264 stream is read",
            )

    def close(self) -> None:
        self._stream.close()
