"""Video files: every frame in order, at its own time."""

import stat
import time
from pathlib import Path

from edge.errors import UserError, printable
from edge.frames import Frame
from edge.machine import spare_cores
from edge.sources.decoder import CLOSED, Decoder, NoVideo


class VideoFileSource:
    """A video file.

    Attributes:
        damage: what is missing of a file that was read to its end, None where it is whole.
    """

    live = False

    def __init__(self, path: Path, opened: float | None = None) -> None:
        """Open it; its times count from `opened`, Unix seconds, by default now.

        Raises:
            UserError: it cannot be read, or not be decoded.
        """
        self.name = printable(path.name)
        self._opened, self._seq = time.time() if opened is None else opened, 0
        self.damage: str | None = None
        self._decoder = open_video(path)
        self.fps, self.total, self.duration = self._decoder.rate, self._decoder.frames, self._decoder.duration
        # Containers open also where nothing in them can be decoded: only a first picture proves it.
        self._first = self._decoder.read()
        if self._first is None:
            self.close()
            raise _not_a_video(path)

    def read(self) -> Frame | None:
        picture, self._first = self._first or self._decoder.read(), None
        if picture is None:
            self.damage = self._decoder.damage
            return None
        frame = Frame(self._seq, self._opened + picture.seconds, picture.image, self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        self._decoder.close()


def open_video(path: Path) -> Decoder:
    """Open a video file; FFmpeg gets its content, not its name, which would be an address to it in some cases.

    Raises:
        UserError: it cannot be read, or holds no video.
    """
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        status = path.stat()
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if size == 0:
            raise UserError(f"{path}: the file is empty", "give a video, an image or a folder of images")
        return Decoder(file, CLOSED, threads=spare_cores(), size=size)
    except NoVideo as error:
        file.close()
        raise _not_a_video(path, error) from error
    except OSError as error:
        file.close()
        raise unreadable(path, error) from error
    except BaseException:
        file.close()
        raise


def unreadable(path: Path, error: OSError) -> UserError:
    """Make the error of a file or folder that the system does not let this user read."""
    return UserError(f"{path}: cannot be read ({error.strerror})", "check its permissions and those of its folder")


def _not_a_video(path: Path, reason: object = "no picture can be decoded") -> UserError:
    return UserError(f"{path}: not a video that can be decoded ({reason})", "check that the file is whole")
