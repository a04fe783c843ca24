"""Find the JPEGs in a stream of bytes by their own structure.

Cameras announce boundaries that they do not send, leave out lengths and headers, or put the boundary in the wrong
place. All of them send whole JPEGs.
"""

import re

MAX_JPEG_BYTES = 16_000_000
"""Largest JPEG that is decoded, bytes."""

MAX_JPEG_PIXELS = 24_000_000
"""Largest JPEG that is decoded, pixels; it takes 72 MB as BGR."""

MAX_SCANS = 64
"""Most scans of a JPEG that is decoded: each covers the whole picture, and may take only 10 bytes of the file."""

_JPEG_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker. Within coded data a byte 255 is followed by 0, by another 255, or by a restart marker."""

_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of segments that hold the picture's size."""

_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""

_RESERVED = range(0x02, 0xC0)
"""Reserved markers: libjpeg skips the marker alone where it looks for a restart marker."""


def count_scans(content: bytes) -> int:
    """Count the scans of a JPEG that begins at the first byte: as many as libjpeg finds, or more.

    Like libjpeg, it takes the bytes between two segments for coded data or ignores them.
    """
    at, scans = 2, 0
    while match := _MARKER.search(content, at):
        marker, at = content[match.start() + 1], match.end()
        if marker in (_START_OF_IMAGE, _END_OF_IMAGE):
            break
        scans += marker == _START_OF_SCAN
        if marker not in _ALONE and marker not in _RESERVED:
            at += max(2, int.from_bytes(content[at : at + 2], "big"))
    return scans


class JpegCutter:
    """Cuts a stream into JPEGs; buffers at most `MAX_JPEG_BYTES` and the latest input.

    Attributes:
        refusal: reason for which the last picture was skipped; empty where none was.
        too_large: whether that reason was its size.
    """

    def __init__(self) -> None:
        self.refusal, self.too_large = "", False
        self._buffer = bytearray()
        self._restart()

    def cut(self, content: bytes) -> list[bytes]:
        """Take the next bytes; return the JPEGs that end in them.

        A JPEG without its end marker is returned as it is: cameras forget the marker, and decoders do not need it.
        """
        self._buffer += content
        found: list[bytes] = []
        while self._to_start() and (picture := self._picture()) is not None:
            if picture:
                found.append(picture)
        return found

    def _restart(self) -> None:
        self._at, self._scanning, self._seen = 2, False, False

    def _to_start(self) -> bool:
        """Drop the bytes before the next JPEG; return False where none has begun."""
        start = self._buffer.find(_JPEG_START)
        if start < 0:
            del self._buffer[: -len(_JPEG_START)]
            return False
        del self._buffer[:start]
        return True

    def _picture(self) -> bytes | None:
        """Return the JPEG at the start of the buffer, empty bytes where it was skipped, None where it is incomplete."""
        try:
            while (marker := self._marker()) is not None:
                if marker in (_START_OF_IMAGE, _END_OF_IMAGE):
                    return self._taken(self._at + 2 * (marker == _END_OF_IMAGE))
                if marker in _ALONE:
                    self._at += 2
                elif not self._passed(marker):
                    break
            if len(self._buffer) > MAX_JPEG_BYTES:
                raise _TooLargeError(f"a picture of more than {MAX_JPEG_BYTES // 1_000_000} MB")
        except _RefusedError as error:
            self._refuse(error)
            self._seen = False
            return self._taken(2)
        return None

    def _refuse(self, error: "_RefusedError") -> None:
        self.refusal, self.too_large = str(error), isinstance(error, _TooLargeError)

    def _taken(self, end: int) -> bytes:
        """Remove that many bytes from the buffer; return them where they hold a picture."""
        picture = bytes(self._buffer[:end]) if self._seen else b""
        del self._buffer[:end]
        self._restart()
        if count_scans(picture) > MAX_SCANS:
            self._refuse(_TooLargeError(f"a picture of more than {MAX_SCANS} scans"))
            return b""
        return picture

    def _marker(self) -> int | None:
        """Advance to the next marker; None where it has not arrived."""
        if self._scanning:
            match = _MARKER.search(self._buffer, self._at)
            if match is None:
                self._at = max(self._at, len(self._buffer) - 1)
                return None
            self._at, self._scanning = match.start(), False
        while self._buffer[self._at : self._at + 2] == b"\xff\xff":
            self._at += 1
        if len(self._buffer) < self._at + 2:
            return None
        if self._buffer[self._at] != 0xFF:
            raise _RefusedError("a damaged picture")
        return self._buffer[self._at + 1]

    def _passed(self, marker: int) -> bool:
        """Skip a segment; return False where its length and the picture's size have not arrived."""
        segment = self._buffer[self._at + 2 : self._at + 9]
        if len(segment) < 7:
            return False
        length = int.from_bytes(segment[:2], "big")
        if length < 2:
            raise _RefusedError("a damaged picture")
        if marker in _FRAMES:
            height, width = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[5:7], "big")
            if width * height > MAX_JPEG_PIXELS:
                limit = MAX_JPEG_PIXELS // 1_000_000
                raise _TooLargeError(f"a picture of {width}x{height}, more than {limit} million pixels")
        if marker == _START_OF_SCAN:
            self._scanning = self._seen = True
        self._at += 2 + length
        return True


class _RefusedError(Exception):
    """The picture at the start of the buffer is skipped."""


class _TooLargeError(_RefusedError):
    """Decoding the picture would take too much memory or time."""
