"""Keeps the libraries' greetings and warnings from hiding what users must know, which comes as our own message."""

import os

import cv2

OPENCV_ERRORS = 2
"""OpenCV's log level at which only errors are reported."""


def quiet_libraries() -> None:
    """Let OpenCV and its FFmpeg report errors alone."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # OpenCV 5 moved the function.
    set_log_level = cv2.utils.logging.setLogLevel if hasattr(cv2.utils, "logging") else cv2.setLogLevel  # type: ignore[attr-defined]
    set_log_level(OPENCV_ERRORS)
