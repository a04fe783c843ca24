"""Finds the JPEGs in a stream of bytes by their own structure.

Cameras announce boundaries that they do not send, leave out lengths and headers, or send the boundary at the wrong
place; what every one of them sends is whole JPEGs.
"""

import re

MAX_JPEG_BYTES = 16_000_000
"""Bytes of a JPEG above which it is passed over."""

MAX_JPEG_PIXELS = 24_000_000
"""Pixels of a JPEG above which it is passed over: one takes 72 MB as BGR."""

MAX_SCANS = 64
"""Scans of a JPEG above which it is not decoded: each passes over the whole picture, and may take up 10 bytes only."""

_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""The next marker: within coded data a byte 255 is followed by 0, by another one, or by a restart marker."""

_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of segments with the size of the picture."""

_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""

_RESERVED = range(0x02, 0xC0)
"""Markers that nobody writes: libjpeg passes over the marker alone where it looks for a restart marker."""


def count_scans(content: bytes) -> int:
    """Count the scans of a JPEG, which begins at the first byte, as libjpeg comes upon them; never fewer.

    Like libjpeg, it takes whatever is between two segments for coded data or for nothing.
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
    """Cuts a stream into JPEGs; holds no more than `MAX_JPEG_BYTES` and what was given last.

    Attributes:
        refusal: why a picture was passed over last; empty where none was.
        too_large: whether that was for its size.
    """

    def __init__(self) -> None:
        self.refusal, self.too_large = "", False
        self._buffer = bytearray()
        self._restart()

    def cut(self, content: bytes) -> list[bytes]:
        """Take the next bytes; return the JPEGs that end in them.

        One that breaks off is given as far as it goes: cameras forget the end marker, and decoders do without.
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
        """Drop what precedes the next JPEG; False where none has begun."""
        start = self._buffer.find(_START)
        if start < 0:
            del self._buffer[: -len(_START)]
            return False
        del self._buffer[:start]
        return True

    def _picture(self) -> bytes | None:
        """Return the JPEG that the buffer begins with, empty bytes where it was passed over, None where it goes on."""
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
        """Cut that many bytes off; return them where there is something to see in them."""
        picture = bytes(self._buffer[:end]) if self._seen else b""
        del self._buffer[:end]
        self._restart()
        if count_scans(picture) > MAX_SCANS:
            self._refuse(_TooLargeError(f"a picture of more than {MAX_SCANS} scans"))
            return b""
        return picture

    def _marker(self) -> int | None:
        """Go to the next marker; None where it has not come yet."""
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
        """Pass over a segment; False where it has not come far enough to tell its length and the picture's size."""
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
    """The picture at the buffer's start is passed over."""


class _TooLargeError(_RefusedError):
    """It would take too much memory or time."""
