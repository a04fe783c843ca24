"""Keeps the libraries' greetings and warnings from hiding what users must know, which comes as our own message."""

import os

import cv2

OPENCV_FATAL = 1
"""OpenCV's log level at which it reports nothing that it goes on after."""


def quiet_libraries() -> None:
    """Let OpenCV, and the FFmpeg that it tries on a camera that is not there, report what ends the process alone."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # OpenCV 5 moved the function.
    set_log_level = cv2.utils.logging.setLogLevel if hasattr(cv2.utils, "logging") else cv2.setLogLevel  # type: ignore[attr-defined]
    set_log_level(OPENCV_FATAL)
