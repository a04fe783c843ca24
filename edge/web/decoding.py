"""Decodes a picture that a stranger sent, in a process of its own: it has limits of its own, and can be ended.

A few kilobytes can keep a decoder at work for minutes, and nothing but the end of its process stops it. The process
runs this module: the picture comes on standard input, the answer goes to standard output.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np

from edge.base.child_process import child_environment, limit_memory

PICTURE, TOO_LARGE, BROKEN = b"P", b"L", b"B"
"""First byte of an answer; after `PICTURE`, height and width in four bytes each and the pixels follow."""

HEADER_BYTES = 9
"""Bytes of an answer before the pixels."""

MAX_DECODING_MEMORY_BYTES = 1 << 30
"""Bytes of data that the process may have."""


class Damaged(Exception):  # noqa: N818 - what was sent, no error of ours
    """No picture, or a damaged one."""


class TooCostly(Exception):  # noqa: N818
    """More pixels, time or memory than there may be."""


class DecodingProcess:
    """Decodes for one thread; another may close it.

    Attributes:
        command: the program, which gets the largest number of pixels as its last argument.
    """

    command: Sequence[str] = (sys.executable, "-m", "edge.web.decoding")

    def __init__(self, max_pixels: int, timeout: float) -> None:
        """Prepare.

        Args:
            max_pixels: pixels of a picture above which it is refused before it takes memory.
            timeout: seconds after which decoding is given up.
        """
        self._max_pixels, self._timeout = max_pixels, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._closed = threading.Lock(), False

    def decode(self, content: bytes) -> np.ndarray:
        """Decode a picture to uint8 BGR `[h, w, 3]`.

        Raises:
            Damaged: it cannot be decoded.
            TooCostly: it is too large, takes too long or too much memory, or this was closed meanwhile.
        """
        with self._start() as process:
            try:
                answer, _ = process.communicate(content, self._timeout)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise TooCostly from error
        if answer[:1] == BROKEN:
            raise Damaged
        if answer[:1] != PICTURE:
            raise TooCostly
        height, width = int.from_bytes(answer[1:5], "big"), int.from_bytes(answer[5:HEADER_BYTES], "big")
        return np.frombuffer(answer, np.uint8, offset=HEADER_BYTES).reshape(height, width, 3)

    def close(self) -> None:
        """End what is being decoded, and decode nothing more."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        limit = str(self._max_pixels)
        with self._lock:
            if self._closed:
                raise TooCostly
            self._process = subprocess.Popen(
                [*self.command, limit],
                env=child_environment(OPENCV_IO_MAX_IMAGE_PIXELS=limit),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # of the libraries, what is wrong with the picture
                start_new_session=True,  # Ctrl-C is for the one who started it
            )
            return self._process


def main() -> None:
    """Answer for the picture on standard input; the argument is the largest number of pixels."""
    limit_memory(MAX_DECODING_MEMORY_BYTES)
    from edge.sources.kinds import BrokenPicture, TooManyPixels, TooManyScans
    from edge.sources.stills import decode_still

    try:
        image = decode_still(sys.stdin.buffer.read(), int(sys.argv[1]))
        size = b"".join(side.to_bytes(4, "big") for side in image.shape[:2])
        answer = PICTURE + size + image.tobytes()
    except (TooManyPixels, TooManyScans, MemoryError):
        answer = TOO_LARGE
    except BrokenPicture:
        answer = BROKEN
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
