"""Files and folders that appear whole or not at all."""

import errno
import glob
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from edge.base.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, where files that a killed process left stay
    fcntl = None  # type: ignore[assignment]


DRAWN = 8
"""Characters that are drawn for a temporary name, as many as `tempfile` draws."""

LONGEST_SUFFIX = 16
"""Bytes of a suffix that a temporary name keeps."""

TAIL_BLOCK_BYTES = 1 << 16
"""Bytes that are looked through at once for the end of a line."""

NAME_BYTES = 200
"""Bytes of the names that are made of other names: file systems take 255, of which endings and numbers need some."""


@contextmanager
def whole_file(path: Path, *, clear: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix, because writers of video and pictures choose the format by it. `clear` removes
    what a killed process left, for which the folder is searched.

    Raises:
        UserError: there can be no such file.
    """
    with _told_unwritable(path):
        path = resolved(path)  # of a link, the file that it means
        special = path.exists() and not path.is_file() and not path.is_dir()
    if special:
        yield path  # a device or a pipe: nothing to replace
        return
    if clear:
        clear_leftovers(path)
    with _beside(path) as part:
        try:
            yield part
            part.replace(path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()


def fitting_name(name: str, end: str = "", size: int = NAME_BYTES) -> str:
    """Cut a name so that with `end`, which is ASCII, it has `size` bytes at most."""
    return name.encode()[: size - len(end)].decode(errors="ignore") + end


def clear_leftovers(path: Path) -> None:
    """Remove what `whole_file` left beside `path` in a process that was killed; not what one that runs is writing."""
    drawn = "\0" * DRAWN  # in no name
    part = drawn.join(_around_drawn(path.name, path.parent))
    part_of_part = drawn.join(_around_drawn(part, path.parent))  # by an output that writes a part whole itself
    for name in (part, part_of_part):
        for left in path.parent.glob(glob.escape(name).replace("\0", "?")):
            with suppress(OSError), left.open("rb") as file:  # in use, or gone
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a torn one.

    Raises:
        UserError: it cannot be written, or the disk fails.
    """
    with writing(path), whole_file(path, clear=False) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing(output: Path | str) -> Iterator[None]:
    """Name the output that is written here where the disk is full or fails; a pipe that nobody reads is no such case.

    Raises:
        UserError: an operation of the system failed.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        problem = f"{output}: cannot be written ({error.strerror or error})"
        raise UserError(problem, "see to the disk, or write elsewhere") from error


def end_at_line(path: Path) -> None:
    """Cut off what follows the last end of a line, in a file that could not be written on."""
    with suppress(OSError), path.open("r+b") as file:  # a pipe or a device has no end
        position = file.seek(0, os.SEEK_END)
        while position:
            start = max(0, position - TAIL_BLOCK_BYTES)
            file.seek(start)
            if (last := file.read(position - start).rfind(b"\n")) >= 0:
                position = start + last + 1
                break
            position = start
        file.truncate(position)


def unreadable(path: Path, error: OSError, remedy: str = "give another path") -> UserError:
    """Make the error of a file or folder that the system does not read; `remedy` is for all but closed ones."""
    denied = isinstance(error, PermissionError)
    remedy = "check its permissions and those of its folder" if denied else remedy
    return UserError(f"{path}: cannot be read ({error.strerror})", remedy)


def resolved(path: Path) -> Path:
    """Return the absolute path without symbolic links; it need not exist.

    Raises:
        UserError: it leads through a link that leads to itself.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{path}: a link that leads to itself", "give another path") from error
    return path.resolve()


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, is a pipe or a device, which may never end, or is larger.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit // 1024} KB")
    return content


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; put it in the place of `path` on success, leave no trace on failure.

    What was at `path` is removed once the new folder is in place, and is back if that fails halfway.

    Raises:
        UserError: there can be no such folder.
    """
    with _told_unwritable(path):
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_folders(path)
        prefix, suffix = _around_drawn(path.name, path.parent)
        work = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=path.parent))
    with ExitStack() as held:
        with suppress(OSError):  # a file system without locks
            held.enter_context(_locked(work))
        yield from _filled(work, path, made)


def _filled(work: Path, path: Path, made: list[Path]) -> Iterator[Path]:
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        yield new
        _swap(new, path, old)
    except BaseException:
        shutil.rmtree(work)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise
    shutil.rmtree(work)


def _clear_left_folders(path: Path) -> None:
    """Remove what `whole_folder` left in a process that was killed, once what was at `path` is back there."""
    prefix, suffix = _around_drawn(path.name, path.parent)
    for left in path.parent.glob(f"{glob.escape(prefix)}{'?' * DRAWN}{glob.escape(suffix)}"):
        with suppress(OSError), _locked(left):  # in use, or a file
            inside = {entry.name for entry in left.iterdir()}
            if not inside or inside - {"new", "old"}:
                continue  # somebody's own
            if "old" in inside and not path.exists():
                (left / "old").rename(path)
            shutil.rmtree(left)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which the system takes away with the process.

    Raises:
        OSError: another process holds it, or there are no locks here.
    """
    if not fcntl:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def check_folder(path: Path) -> None:
    """See that files can be written to a folder, which need not be there yet.

    Raises:
        UserError: it is a file, or it, or the folder that it would be made in, is closed to this user, or it leads
            through a link that leads to itself.
    """
    resolved(path)
    nearest = nearest_existing(path)
    if not nearest.is_dir():
        raise UserError(f"{nearest}: not a folder", "name one for what is written")
    if not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"{path}: cannot be written ({os.strerror(errno.EACCES)})"
        raise UserError(problem, "name a place that this user may write to")


def nearest_existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that is there."""
    # Not Path.exists(), which fails where a folder above is closed to this user.
    return next(place for place in (path, *path.absolute().parents) if os.path.exists(place))  # noqa: PTH110


def _swap(new: Path, path: Path, old: Path) -> None:
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new empty file in the folder of `path`, which is made where it is missing.

    It is locked meanwhile: the system takes locks away with their process, which tells it from one left behind.
    """
    with _told_unwritable(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix, suffix = _around_drawn(path.name, path.parent)
        handle, part = _create(path.parent, prefix, suffix)
    try:
        if fcntl:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        os.close(handle)


@contextmanager
def _told_unwritable(path: Path) -> Iterator[None]:
    """Name the reason for which there can be no such file: a folder that is closed to this user, a name too long, …

    Raises:
        UserError: one of the operations on `path` failed.
    """
    try:
        yield
    except OSError as error:
        denied = isinstance(error, PermissionError)
        remedy = "name a place that this user may write to" if denied else "give the path of a file"
        raise UserError(f"{path}: cannot be written ({error.strerror})", remedy) from error


def _around_drawn(name: str, folder: Path) -> tuple[str, str]:
    """Beginning and ending of a temporary name, hidden and of no more bytes than a name in this folder may have."""
    stem, suffix = Path(name).stem, Path(name).suffix
    if len(os.fsencode(suffix)) > LONGEST_SUFFIX:  # no format, but a name with a full stop in it
        stem, suffix = name, ""
    room = _longest_name(folder) - len("..") - DRAWN - len(os.fsencode(suffix))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f".{stem}-", suffix


def _longest_name(folder: Path) -> int:
    """Bytes of a file's name at most."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError):  # Windows; or the folder is not there
        return 255


def _create(folder: Path, prefix: str, suffix: str) -> tuple[int, Path]:
    """Open a new file with the permissions of any other: `tempfile` gives less, and umask is not to be read."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(DRAWN // 2)}{suffix}"
        with suppress(FileExistsError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), path
