"""Decode an uploaded picture in a separate process, which has its own limits and can be killed.

A few kilobytes can keep a decoder busy for minutes, and only killing its process stops it. The process runs this
module: it reads the picture from standard input and writes the answer to standard output.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np

from edge.base.child_process import child_environment, limit_memory

PICTURE, TOO_LARGE, BROKEN = b"P", b"L", b"B"
"""First byte of an answer. `PICTURE` is followed by height and width, four bytes each, and the pixels."""

HEADER_BYTES = 9
"""Bytes before the pixels."""

MAX_DECODING_MEMORY_BYTES = 1 << 30
"""Memory limit of the process, bytes."""


class Damaged(Exception):  # noqa: N818 - a property of the upload, not a failure
    """The upload is not a picture, or a damaged one."""


class TooCostly(Exception):  # noqa: N818
    """The picture needs more pixels, time or memory than allowed."""


class DecodingProcess:
    """Decoder in a separate process; used by one thread, while another may close it.

    Attributes:
        command: command line; the limit on pixels is appended.
    """

    command: Sequence[str] = (sys.executable, "-m", "edge.web.decoding")

    def __init__(self, max_pixels: int, timeout: float) -> None:
        """Prepare; start no process yet.

        Args:
            max_pixels: largest picture that is decoded, pixels.
            timeout: seconds after which the process is killed.
        """
        self._max_pixels, self._timeout = max_pixels, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._closed = threading.Lock(), False

    def decode(self, content: bytes) -> np.ndarray:
        """Decode a picture to uint8 BGR `[h, w, 3]`.

        Raises:
            Damaged: it cannot be decoded.
            TooCostly: it is too large, takes too long or too much memory, or the decoder was closed.
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
        """Kill the process; later calls decode nothing."""
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
                stderr=subprocess.DEVNULL,  # messages of the libraries about the picture
                start_new_session=True,  # Ctrl-C is for the parent process only
            )
            return self._process


def main() -> None:
    """Decode the picture on standard input; the argument is the limit on pixels."""
    limit_memory(MAX_DECODING_MEMORY_BYTES)
    from edge.sources.image_formats import BrokenPicture, TooManyPixels, TooManyScans
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
