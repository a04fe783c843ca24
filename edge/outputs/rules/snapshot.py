"""Keep a picture of a trigger."""

import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.base.files import fitting_name, free_path, write_whole
from edge.base.settings import MEGABYTE, SECONDS_A_DAY, Snapshot
from edge.faces.results import FaceResult, FrameResult, MainFace
from edge.outputs.blur import hide, surroundings
from edge.outputs.rules.actions import Publisher
from edge.outputs.rules.album import SNAPSHOT_NAME, Album, Shot, with_shot
from edge.outputs.rules.conditions import Trigger
from edge.sources.pixels import Pixels

SNAPSHOT_MARGIN = 0.3
"""Margin on each side of a face, in shares of its box."""

SNAPSHOT_QUALITY = 90
"""Quality of the JPEG, to 100."""


class TakeSnapshot:
    """Writes the frame or the face as JPEG into a folder, with limits on age and size."""

    kind, pictures = "snapshot", True

    def __init__(self, folder: Path, snapshot: Snapshot, album: Album, broker: Publisher | None = None) -> None:
        """Prepare; each picture is added to the album, and published where there is a broker."""
        self._folder, self._snapshot, self._album, self._broker = folder, snapshot, album, broker

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        if not (trigger.result and (jpeg := self._jpeg(trigger.result, trigger.face))):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path, shot = self._free(trigger), Shot.of(trigger)
        content = with_shot(jpeg, shot)
        write_whole(path, content)
        trim(self._folder, self._snapshot, time.time())
        self._album.add(path, shot)
        if self._broker:
            self._broker.show(trigger.camera, content)

    def close(self) -> None:
        """Nothing is held between two pictures."""

    def _jpeg(self, result: FrameResult, number: int | None) -> bytes | None:
        """Return the picture; None where there is no face to show."""
        face = _face(result, number)
        pixels = result.frame.pixels
        if self._snapshot.blur:
            pixels = hide(pixels, [one.box for one in result.faces])
        if self._snapshot.of == "frame":
            image = pixels.bgr()
        elif face:
            image = _part(pixels, face)
        else:
            return None
        done, content = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, SNAPSHOT_QUALITY))
        if not done:
            raise UserError("a snapshot cannot be encoded", "take the whole frame")
        return content.tobytes()

    def _free(self, trigger: Trigger) -> Path:
        """Return a path that is not taken: time, camera, rule."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(trigger.t))
        stem = re.sub(r"[^\w.-]+", "-", f"{stamp}-{trigger.camera}-{trigger.rule}")
        return free_path(self._folder, lambda end: fitting_name(stem, f"{end}.jpg"))


def trim(folder: Path, snapshot: Snapshot, now: float) -> None:
    """Remove our oldest pictures as long as they are too old or too many."""
    found = []
    for path in folder.iterdir():
        with suppress(OSError):  # somebody else has removed it
            if SNAPSHOT_NAME.fullmatch(path.name):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for modified, size, path in sorted(found):
        if total <= snapshot.max_size * MEGABYTE and now - modified <= snapshot.keep_days * SECONDS_A_DAY:
            break
        path.unlink(missing_ok=True)
        total -= size


def _face(result: FrameResult, number: int | None) -> FaceResult | None:
    """Return the face of that number, or the largest where the trigger is about none."""
    if number is None:
        return MainFace().of(result.faces)
    return next((face for face in result.faces if face.id == number), None)


def _part(pixels: Pixels, face: FaceResult) -> np.ndarray:
    area = surroundings(face.box, SNAPSHOT_MARGIN, pixels)
    return pixels.part(area, area.size)
