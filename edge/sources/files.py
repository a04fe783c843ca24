"""Recordings: video files, pictures and folders of pictures."""

import time
from pathlib import Path

import cv2
import numpy as np

from edge.errors import UserError
from edge.frames import Frame, to_bgr
from edge.machine import spare_cores
from edge.sources.kinds import is_picture
from edge.sources.pictures import ImageSource, images_in

WHOLE = 0.9
"""A video with less than this share of its frames was cut off."""


def open_file(path: Path) -> "VideoFileSource | ImageSource":
    """Open a video, a picture or a folder of pictures.

    Raises:
        UserError: it is not there, cannot be opened, or holds no frame.
    """
    if path.is_dir():
        return ImageSource(images_in(path), path.name)
    if not path.exists():
        raise UserError(
            f"{path}: no such file, folder or camera", "give a camera, an address, a video, an image or a folder"
        )
    if is_picture(path):
        return ImageSource([path])
    return VideoFileSource(path)


class VideoFileSource:
    """A video file, every frame in order, at the file's own timestamps."""

    live = False

    def __init__(self, path: Path, opened: float | None = None) -> None:
        """Open it; its times count from `opened`, Unix seconds, which is now where nothing else is wanted.

        Raises:
            UserError: it cannot be decoded.
        """
        self.name = path.name
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty", "give a video, an image or a folder of images")
        self._capture = _open_video(path)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or None
        self.total = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))) or None
        self._opened, self._seq = time.time() if opened is None else opened, 0
        # Containers open also when nothing in them can be decoded: only a first frame proves it.
        self._first = self._decode()
        if self._first is None:
            self.close()
            raise UserError(f"{path}: not a video that can be decoded", "check that the file is whole")

    def read(self) -> Frame | None:
        decoded, self._first = self._first or self._decode(), None
        if decoded is None:
            self._check_end()
            return None
        image, seconds = decoded
        frame = Frame(self._seq, self._opened + seconds, to_bgr(image), self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._capture.release()

    def _check_end(self) -> None:
        """Containers know how many frames they should hold, some of them roughly."""
        if self._capture.isOpened() and self.total and self._seq < WHOLE * self.total:
            raise UserError(
                f"{self.name}: ends after {self._seq} of {self.total} frames", "the file is damaged, get a whole one"
            )

    def _decode(self) -> tuple[np.ndarray, float] | None:
        """The next picture and its time in seconds from the start."""
        ok, image = self._capture.read()
        # The position is that of the picture read last: asked before, it would be the previous one's. Streams without a
        # container (.h264) have none, and play at their rate.
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 or self._seq / (self.fps or 30.0)
        return (image, seconds) if ok else None


def _open_video(path: Path) -> cv2.VideoCapture:
    """By FFmpeg, which would take a thread for each core, where there is FFmpeg and it can read the file."""
    opened = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, spare_cores()])
    return opened if opened.isOpened() else cv2.VideoCapture(str(path))
