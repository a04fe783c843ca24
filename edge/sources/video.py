"""Video files: every frame in order, at its own time."""

import stat
from functools import partial
from pathlib import Path

from edge.base.errors import UserError, printable
from edge.base.files import unreadable
from edge.base.machine import spare_cores
from edge.sources.decoded import DecodedSource
from edge.sources.decoder import CLOSED, Decoder, NoVideo


class VideoFileSource(DecodedSource):
    """A video file."""

    def __init__(
        self, path: Path, opened: float | None = None, hardware: str | None = None, threads: int | None = None
    ) -> None:
        """Open it.

        Args:
            path: path of the file.
            opened: Unix time of its second 0; by default now.
            hardware: see `Decoder`.
            threads: threads of the decoder; by default one per spare core.

        Raises:
            UserError: it cannot be read or decoded.
        """
        refusal = partial(_not_a_video, path)
        super().__init__(printable(path.name), open_video(path, hardware, threads), opened=opened, refusal=refusal)


def open_video(path: Path, hardware: str | None = None, threads: int | None = None) -> Decoder:
    """Open a video file; FFmpeg gets its content and not its name, which it might take for an address.

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
        return Decoder(file, CLOSED, threads=threads or spare_cores(), size=size, hardware=hardware)
    except NoVideo as error:
        file.close()
        raise _not_a_video(path, error) from error
    except OSError as error:
        file.close()
        raise unreadable(path, error) from error
    except BaseException:
        file.close()
        raise


def _not_a_video(path: Path, reason: object = "no picture can be decoded") -> UserError:
    return UserError(f"{path}: not a video that can be decoded ({reason})", "check that the file is whole")
