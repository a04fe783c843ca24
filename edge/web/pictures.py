"""Frames as parts of an MJPEG stream, each encoded once however many look."""

import time

import cv2

from edge.sources.frame import Frame

RATE = 15.0
"""Pictures a second at most: enough for faces, and half of what a camera gives."""

WIDEST = 960
"""Pixels of a picture's width at most."""

STREAM_QUALITY = 80
"""Quality of the JPEG, 0 to 100."""

BOUNDARY = b"frame"
MEDIA_TYPE = "multipart/x-mixed-replace; boundary=frame"
OPENING = b"--" + BOUNDARY + b"\r\n"


class Encoder:
    """Makes parts of an MJPEG stream, no more than `RATE` a second; for one thread.

    A part's headers tell its frame's number and size. MJPEG and records come on two connections, so a picture may
    arrive before or after its record: who draws boxes joins the two by this number, and scales by this size, and is
    then never wrong, however far one of them lags. See picture.js.

    Attributes:
        count: how many pictures were encoded.
    """

    def __init__(self) -> None:
        self.count = 0
        self._due = 0.0

    def part(self, frame: Frame) -> bytes | None:
        """The frame as a part, up to the boundary that follows it; None where it comes too soon after the last."""
        now = time.monotonic()
        if now < self._due:
            return None
        # Of a camera that is a little off the beat, as many are taken as there may be.
        self._due = max(self._due + 1 / RATE, now)
        return self.encoded(frame)

    def encoded(self, frame: Frame) -> bytes:
        """The frame as a part, however soon it comes."""
        self.count += 1
        picture = _encoded(frame)
        head = (
            f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n"
            f"X-Seq: {frame.seq}\r\nX-Size: {frame.width}x{frame.height}\r\n\r\n"
        )
        # The boundary is sent with the picture it ends: viewers that wait for it would be one picture late.
        return head.encode() + picture + b"\r\n" + OPENING


def _encoded(frame: Frame) -> bytes:
    image = frame.image
    if frame.width > WIDEST:
        height = max(1, round(frame.height * WIDEST / frame.width))
        image = cv2.resize(image, (WIDEST, height), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, STREAM_QUALITY])
    return encoded.tobytes()
