"""Raw frames from another program, through a pipe."""

import sys
import time
from typing import BinaryIO

from edge.errors import UserError
from edge.frames import Frame
from edge.options import Capture
from edge.pixels import bytes_a_frame, decode

FORMATS = {"bgr24": "RGB888", "rgb24": "BGR888", "gray": "R8", "yuv420p": "YUV420", "nv12": "NV12"}
"""FFmpeg's names for what libcamera, which counts from the other end, calls otherwise."""


class RawSource:
    """Frames of one size and format, one after the other, without anything between them."""

    name = "standard input"
    total = duration = damage = None

    def __init__(self, stream: BinaryIO, capture: Capture) -> None:
        """Take over an open stream.

        Raises:
            UserError: the frames' size is not given, or the format is unknown.
        """
        if capture.size is None:
            raise UserError("raw frames have no size of their own", "give it by --size WIDTHxHEIGHT")
        if capture.pixels not in FORMATS:
            raise UserError(f"{capture.pixels}: no such pixel format", f"take one of {', '.join(FORMATS)}")
        self.live, self.fps = capture.live, capture.fps
        self._stream, self._size, self._format = stream, capture.size, FORMATS[capture.pixels]
        self._bytes = bytes_a_frame(self._format, self._size)
        self._seq, self._opened = 0, time.time()

    @classmethod
    def from_stdin(cls, capture: Capture) -> "RawSource":
        """Read standard input.

        Raises:
            UserError: as in the constructor, or somebody sits at standard input.
        """
        if sys.stdin.isatty():
            raise UserError("standard input is a terminal", "pipe the frames of another program into this one")
        # A stream of our own: at its end Python closes `sys.stdin`, and aborts where a thread hangs in reading it.
        return cls(open(sys.stdin.fileno(), "rb", closefd=False), capture)

    def read(self) -> Frame | None:
        content = b"" if self._stream.closed else self._stream.read(self._bytes)
        if len(content) < self._bytes:
            if content:
                raise UserError(
                    f"{self.name}: ends within frame {self._seq}, {len(content)} of {self._bytes} bytes",
                    "check --size and --pixels against what the other program writes",
                )
            return None
        # A recording's frames have their own times; without a rate, as many a second as cameras give.
        captured = time.time() if self.live else self._opened + self._seq / (self.fps or 30.0)
        image = decode(content, self._format, self._size)
        frame = Frame(self._seq, captured, image, self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._stream.close()
