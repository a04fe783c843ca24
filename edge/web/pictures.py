"""Encode frames as parts of an MJPEG stream, once for all clients."""

import time

import cv2

from edge.base.geometry import Area
from edge.sources.frame import Frame

MAX_PICTURES_A_SECOND = 15.0
"""Most pictures per second: enough for faces, and half of a camera's rate."""

WIDEST = 960
"""Largest width of a picture, pixels."""

STREAM_QUALITY = 80
"""Quality of the JPEG, 0 to 100."""

BOUNDARY = b"frame"
MEDIA_TYPE = "multipart/x-mixed-replace; boundary=frame"
OPENING = b"--" + BOUNDARY + b"\r\n"


class Encoder:
    """Makes parts of an MJPEG stream, at most `MAX_PICTURES_A_SECOND` a second; for one thread.

    A part's headers have its camera, and its frame's number and size. MJPEG and records come on two connections, so a
    picture may arrive before or after its record. Clients match the two by the number, and scale boxes by the size; see
    picture.js.

    Attributes:
        count: number of encoded pictures.
    """

    def __init__(self, camera: str = "") -> None:
        """Encode frames of the camera of that name, which has letters, digits, - and _."""
        self.count = 0
        self._camera = camera
        self._due = 0.0

    def part(self, frame: Frame) -> bytes | None:
        """Return the frame as a part with the boundary that follows it; None where it comes too soon."""
        now = time.monotonic()
        if now < self._due:
            return None
        # From a camera with an irregular rate, take as many as allowed.
        self._due = max(self._due + 1 / MAX_PICTURES_A_SECOND, now)
        return self.encoded(frame)

    def encoded(self, frame: Frame) -> bytes:
        """Return the frame as a part, however soon after the last one."""
        self.count += 1
        picture = _encoded(frame)
        head = (
            f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n"
            f"X-Camera: {self._camera}\r\nX-Seq: {frame.seq}\r\nX-Size: {frame.width}x{frame.height}\r\n\r\n"
        )
        # The boundary is sent with the picture before it, so that viewers that wait for it are not one picture late.
        return head.encode() + picture + b"\r\n" + OPENING


def _encoded(frame: Frame) -> bytes:
    whole, width = Area(0, 0, frame.width, frame.height), min(frame.width, WIDEST)
    size = width, max(1, round(frame.height * width / frame.width))
    _, encoded = cv2.imencode(
        ".jpg", frame.pixels.part(whole, size, cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, STREAM_QUALITY]
    )
    return encoded.tobytes()
