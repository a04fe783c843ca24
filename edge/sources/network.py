"""Network cameras: RTSP, HTTP (MJPEG) and whatever else OpenCV's FFmpeg reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit, urlunsplit

import cv2

from edge.address import public, refuse_credentials
from edge.errors import UserError
from edge.options import Capture
from edge.sources.opencv import OpenCvSource

OPEN_TIMEOUT, READ_TIMEOUT = 5.0, 4.0
"""Seconds until a camera that does not answer, or sends nothing more, is given up."""

USER, PASSWORD = "EMOTION_EDGE_CAMERA_USER", "EMOTION_EDGE_CAMERA_PASSWORD"
"""Environment variables for credentials: a command line is there for all to read."""


class NetworkSource(OpenCvSource):
    """A stream that another machine sends."""

    def __init__(self, address: str, capture: Capture) -> None:
        """Connect and take a first picture.

        Raises:
            UserError: credentials in the address, nobody answers, or what comes is no video.
        """
        refuse_credentials(address, USER, PASSWORD)
        name = public(address)
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * OPEN_TIMEOUT)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * READ_TIMEOUT)),
        ]
        with _ffmpeg_options(f"rtsp_transport;{capture.rtsp}"):
            opened = cv2.VideoCapture(_with_credentials(address), cv2.CAP_FFMPEG, timeouts)
        refusal = UserError(
            f"{name}: no video from there within {OPEN_TIMEOUT:.0f} s",
            f"check address, network and credentials ({USER}, {PASSWORD}), or try another transport by --rtsp",
        )
        super().__init__(name, opened, lambda: refusal)


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """OpenCV takes FFmpeg's options from the environment alone, for whatever is opened: files are not to have them."""
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.get(name)
    os.environ[name] = options
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def _with_credentials(address: str) -> str:
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if not user:
        return address
    parts = urlsplit(address)
    secret = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc}"))
