"""Files of lines that are renamed when they are full or a day is over, and removed when they are old."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edge.base.files import free_path
from edge.base.settings import MEGABYTE, SECONDS_A_DAY, Outputs


@dataclass(frozen=True)
class Rotation:
    """Conditions of a rotation.

    Attributes:
        size: bytes at which a file is renamed; None for no limit.
        keep: seconds after which a renamed file is removed; a file is then renamed at midnight, too. None keeps all.
    """

    size: float | None
    keep: float | None


def rotation_of(outputs: Outputs) -> Rotation | None:
    """Return the rotation that a run's options ask for; None without one."""
    size, days = outputs.rotate_size, outputs.keep_days
    return Rotation(size and size * MEGABYTE, days and days * SECONDS_A_DAY) if size or days else None


class RotatingFile:
    """Text file that grows by lines; for one thread.

    `events.jsonl` is renamed to `events-20261128-235959.jsonl`, and a new one is begun. What a run before has left is
    renamed, too.
    """

    def __init__(self, path: Path, rotation: Rotation, clock: Callable[[], float] = time.time) -> None:
        """Begin a file.

        Raises:
            OSError: it cannot be written, or an old one not be renamed.
        """
        self._path, self._rotation, self._clock = path, rotation, clock
        if path.is_file() and path.stat().st_size:
            self._rename()
        self._begin()

    def write(self, text: str) -> None:
        """Write lines, in a new file if the present one is full or of another day."""
        if self._size and (self._full_with(len(text)) or self._is_over()):
            self._file.close()
            self._rename()
            self._begin()
        self._size += len(text)
        self._file.write(text)

    def flush(self) -> None:
        """Let readers of the file see what was written."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def _begin(self) -> None:
        self._file = self._path.open("w")
        self._size, self._day = 0, self._today()
        self._remove_old()

    def _full_with(self, more: int) -> bool:
        return self._rotation.size is not None and self._size + more > self._rotation.size

    def _is_over(self) -> bool:
        return self._rotation.keep is not None and self._today() != self._day

    def _today(self) -> str:
        return time.strftime("%Y%m%d", time.localtime(self._clock()))

    def _rename(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self._clock()))
        path = self._path
        path.rename(free_path(path.parent, lambda end: f"{path.stem}-{stamp}{end}{path.suffix}"))

    def _remove_old(self) -> None:
        if self._rotation.keep is None:
            return
        mine = re.compile(rf"{re.escape(self._path.stem)}-\d{{8}}-\d{{6}}(-\d+)?{re.escape(self._path.suffix)}")
        oldest = self._clock() - self._rotation.keep
        for path in self._path.parent.iterdir():
            if mine.fullmatch(path.name):
                with suppress(OSError):  # removed by somebody else, or tried again the next time
                    if path.stat().st_mtime < oldest:
                        path.unlink()
