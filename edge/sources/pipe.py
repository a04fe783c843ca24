"""Video on standard input: raw frames where their size is given, otherwise a container or a bare stream."""

import io
import os
import stat
import sys
from typing import BinaryIO

from edge.base.errors import UserError
from edge.base.machine import spare_cores
from edge.base.settings import Capture
from edge.sources.decoded import DecodedSource
from edge.sources.decoder import ANALYSIS, CLOSED, Decoder, NoVideo
from edge.sources.raw import RawSource

STDIN_NAME = "standard input"


class PipeSource(DecodedSource):
    """A container, or a bare H.264, H.265 or Motion JPEG stream, that another program writes."""

    def __init__(self, stream: BinaryIO, capture: Capture) -> None:
        """Take ownership of an open stream, whose reads return the bytes that have arrived.

        Raises:
            UserError: it holds no video.
        """
        status = os.fstat(stream.fileno())
        rate = {"framerate": f"{capture.fps:g}"} if capture.fps else {}  # a bare stream has no rate
        try:
            decoder = Decoder(
                stream,
                CLOSED | ANALYSIS | rate,
                threads=1 if capture.live else spare_cores(),  # each thread adds a frame of delay
                size=status.st_size if stat.S_ISREG(status.st_mode) else None,
                hardware=capture.decoder,
            )
        except NoVideo as error:
            stream.close()
            raise _no_video(str(error)) from error
        super().__init__(STDIN_NAME, decoder, live=capture.live, refusal=_no_video)


def open_stdin(capture: Capture) -> RawSource | PipeSource:
    """Open standard input.

    Raises:
        UserError: standard input is a terminal or holds no video.
    """
    if sys.stdin.isatty():
        raise UserError("standard input is a terminal", "pipe the video of another program into this one")
    # Our own stream: at exit Python closes `sys.stdin`, and aborts where a thread still reads from it.
    stream = io.FileIO(sys.stdin.fileno(), "rb", closefd=False)
    if capture.size:
        source, status = RawSource(io.BufferedReader(stream), capture), os.fstat(stream.fileno())
        if stat.S_ISREG(status.st_mode):
            source.check_length(status.st_size - stream.tell())
        return source
    if capture.pixel_format != Capture.pixel_format:
        raise UserError("the size of raw frames is missing", "give it by --size WIDTHxHEIGHT")
    return PipeSource(stream, capture)


def _no_video(reason: str) -> UserError:
    remedy = (
        "pipe a container (no MP4 with its index at the end) or an H.264, H.265 or MJPEG stream, or give the size of "
        "raw frames by --size WIDTHxHEIGHT"
    )
    return UserError(f"{STDIN_NAME}: no video that can be decoded ({reason})", remedy)
