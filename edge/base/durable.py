"""Writing by one process at a time that survives a power cut: the disk has what anything refers to."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge.base.errors import UserError
from edge.base.files import locked, writing


@contextmanager
def changing(folder: Path, busy: str) -> Iterator[None]:
    """Keep other processes from changing a folder, which is made where it is missing.

    Args:
        folder: the folder.
        busy: what another process that changes it does, for the error.

    Raises:
        UserError: another process is changing it, or it cannot be written.
    """
    with writing(folder), ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            stack.enter_context(locked(folder))
        except OSError as error:
            raise UserError(f"{folder}: {busy}", "wait until it has ended") from error
        yield


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_through(path: Path, content: bytes) -> None:
    """Replace a file; at any time the disk has the old one or the whole new one.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}")
    write_through(part, content)
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder.

    Raises:
        OSError: it cannot be read.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
