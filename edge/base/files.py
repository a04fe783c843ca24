"""Files and folders that appear whole or not at all."""

import errno
import glob
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from edge.base.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, where files that a killed process left stay
    fcntl = None  # type: ignore[assignment]

try:  # as in Python's `random`: hashlib loads OpenSSL, which takes 3.4 MB of every run
    from _sha2 import sha256 as _sha256
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # Python 3.11
    except ImportError:
        from hashlib import sha256 as _sha256


DRAWN = 8
"""Random characters in a temporary name, as many as `tempfile` uses."""

LONGEST_SUFFIX = 16
"""Longest suffix that a temporary name keeps, bytes."""

TAIL_BLOCK_BYTES = 1 << 16
"""Bytes searched at a time for the last end of a line."""

NAME_BYTES = 200
"""Longest name derived from another name, bytes. File systems allow 255; suffixes and numbers need some of them."""

CLAIM_INTERVAL = 0.2
"""Seconds between two attempts to claim what another process has claimed."""


@contextmanager
def whole_file(path: Path, *, clear: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix, by which writers of video and pictures choose the format. `clear` searches the
    folder for files left by a killed process and removes them.

    Raises:
        UserError: no such file can be created.
    """
    with _told_unwritable(path):
        path = resolved(path)  # a link's target is replaced, not the link
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
    """Shorten a name so that with `end`, which is ASCII, it has at most `size` bytes."""
    return name.encode()[: size - len(end)].decode(errors="ignore") + end


def free_path(folder: Path, name: Callable[[str], str]) -> Path:
    """Return a path in a folder that is not taken; `name` adds an end to its name: nothing, `-2`, `-3`, …"""
    ends = ("", *(f"-{number}" for number in range(2, 1000)))
    return next(path for end in ends if not (path := folder / name(end)).exists())


def clear_leftovers(path: Path) -> None:
    """Remove temporary files that a killed process left beside `path`; files in use by other processes stay."""
    drawn = "\0" * DRAWN  # a placeholder that no name contains
    part = drawn.join(_around_drawn(path.name, path.parent))
    part_of_part = drawn.join(_around_drawn(part, path.parent))  # of outputs that use `whole_file` on the part
    for name in (part, part_of_part):
        for left in path.parent.glob(glob.escape(name).replace("\0", "?")):
            with suppress(OSError), left.open("rb") as file:  # locked by its writer, or gone
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` to `path`; readers see either the old file or the whole new one.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path), whole_file(path, clear=False) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def writing(output: Path | str) -> Iterator[None]:
    """Turn the `OSError` of a full or failing disk into an error that names the output.

    A `BrokenPipeError` passes: the reader of a pipe has left.

    Raises:
        UserError: the output cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        problem = f"{output}: cannot be written ({error.strerror or error})"
        raise UserError(problem, "free some space, or write elsewhere") from error


def is_full_disk(error: UserError) -> bool:
    """Return whether an output could not be written for want of space, or of what is allowed of it."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def end_at_line(path: Path) -> None:
    """Remove an unfinished last line, after writing has failed."""
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
    """Return the error for a file or folder that cannot be read; `remedy` is used unless permission was denied."""
    denied = isinstance(error, PermissionError)
    remedy = "check its permissions and those of its folder" if denied else remedy
    return UserError(f"{path}: cannot be read ({error.strerror})", remedy)


def resolved(path: Path) -> Path:
    """Return the absolute path without symbolic links; it need not exist.

    Raises:
        UserError: its links form a circle.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{path}: a link that leads to itself", "give another path") from error
    return path.resolve()


def sha256(content: bytes) -> str:
    """Hash of a content, hexadecimal."""
    return str(_sha256(content).hexdigest())


def file_sha256(path: Path) -> str:
    """Hash of a file's content, hexadecimal; read in pieces, however large the file is.

    Raises:
        OSError: it cannot be read.
    """
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_regular(path: Path, limit: int, *, follow_links: bool = True) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, is larger, or is a pipe or a device, which may never end.
    """
    flags = ("O_NONBLOCK", "O_BINARY") if follow_links else ("O_NONBLOCK", "O_BINARY", "O_NOFOLLOW")
    handle = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))  # not every system has them
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit // 1024} KB")
    return content


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; put it in place of `path` on success, remove it on failure.

    An old folder at `path` is removed once the new one is in place, and restored if that fails.

    Raises:
        UserError: no such folder can be created.
    """
    with ExitStack() as held:
        with _told_unwritable(path):
            held.enter_context(no_empty_folders(path.parent))
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_left_folders(path)
            prefix, suffix = _around_drawn(path.name, path.parent)
            work = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=path.parent))
        with suppress(OSError):  # a file system without locks
            held.enter_context(locked(work))
        yield from _filled(work, path)


@contextmanager
def no_empty_folders(path: Path) -> Iterator[None]:
    """Remove the folder `path` and its parents at the end, where they did not exist before and are empty."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _filled(work: Path, path: Path) -> Iterator[Path]:
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        yield new
        _swap(new, path, old)
    except BaseException:
        shutil.rmtree(work)
        raise
    shutil.rmtree(work)


def _clear_left_folders(path: Path) -> None:
    """Restore the folder at `path` and remove temporary folders, where a killed process left them."""
    prefix, suffix = _around_drawn(path.name, path.parent)
    for left in path.parent.glob(f"{glob.escape(prefix)}{'?' * DRAWN}{glob.escape(suffix)}"):
        with suppress(OSError), locked(left):  # in use, or a file
            inside = {entry.name for entry in left.iterdir()}
            if not inside or inside - {"new", "old"}:
                continue  # not one of ours
            if "old" in inside and not path.exists():
                (left / "old").rename(path)
            shutil.rmtree(left)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; the system releases it when the process ends.

    Raises:
        OSError: another process holds it, or the system has no such locks.
    """
    if not fcntl:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextmanager
def claimed(path: Path, owner: str = "") -> Iterator[bool]:
    """Claim the work that `path` stands for; yield False where another process has claimed it.

    A claim is a locked file with the owner's name, removed at the end; the claim of a process that is killed ends with
    it. On a file system without locks every claim is granted.

    Raises:
        UserError: no such file can be created.
    """
    with _told_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    granted = _is_granted(handle, path)
    try:
        if granted:
            with suppress(OSError):  # a full disk, where the name is lost and the claim holds
                os.write(handle, os.fsencode(owner))
        yield granted
    finally:
        if granted:
            with suppress(OSError):
                path.unlink()
        os.close(handle)


@contextmanager
def waited_claim(path: Path, owner: str = "") -> Iterator[None]:
    """Hold a claim, once no other process has it.

    Raises:
        UserError: no such file can be created.
    """
    while True:
        with claimed(path, owner) as granted:
            if granted:
                yield
                return
        time.sleep(CLAIM_INTERVAL)


def claim_owner(path: Path) -> str | None:
    """Return the owner's name of a claim; None where there is no claim."""
    try:
        return os.fsdecode(path.read_bytes()) or None
    except OSError:
        return None


def _is_granted(handle: int, path: Path) -> bool:
    if not fcntl:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    with suppress(OSError):  # removed by its last owner before it was locked here: a claim on nothing
        found = path.stat()
        if (found.st_ino, found.st_dev) == (os.fstat(handle).st_ino, os.fstat(handle).st_dev):
            os.ftruncate(handle, 0)
            return True
    return False


def check_folder(path: Path) -> None:
    """Check that files can be written to a folder, which may not exist yet.

    Raises:
        UserError: it is a file, this user may not write to it or create it, or its links form a circle.
    """
    resolved(path)
    nearest = nearest_existing(path)
    if not nearest.is_dir():
        raise UserError(f"{nearest}: not a folder", "name a folder for the output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"{path}: cannot be written ({os.strerror(errno.EACCES)})"
        raise UserError(problem, "name a place that this user may write to")


def nearest_existing(path: Path) -> Path:
    """Return `path`, or its nearest parent that exists."""
    # Not Path.exists(), which fails where this user may not read a parent folder.
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
    """Yield a new empty file in the folder of `path`, which is created where it is missing.

    The file is locked as long as it is in use. A file without a lock was left by a killed process.
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
    """Turn an `OSError` into an error that names `path` and the reason: no permission, a name too long, …

    Raises:
        UserError: an operation on `path` failed.
    """
    try:
        yield
    except OSError as error:
        denied = isinstance(error, PermissionError)
        remedy = "name a place that this user may write to" if denied else "give the path of a file"
        raise UserError(f"{path}: cannot be written ({error.strerror})", remedy) from error


def _around_drawn(name: str, folder: Path) -> tuple[str, str]:
    """Return prefix and suffix of a hidden temporary name that is not too long for this folder."""
    stem, suffix = Path(name).stem, Path(name).suffix
    if len(os.fsencode(suffix)) > LONGEST_SUFFIX:  # not a suffix, but a name with a full stop in it
        stem, suffix = name, ""
    room = _longest_name(folder) - len("..") - DRAWN - len(os.fsencode(suffix))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f".{stem}-", suffix


def _longest_name(folder: Path) -> int:
    """Return the longest file name that a folder allows, bytes."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError):  # Windows; or the folder is not there
        return 255


def _create(folder: Path, prefix: str, suffix: str) -> tuple[int, Path]:
    """Create a file with the usual permissions; `tempfile` would create a private one."""
    while True:
        path = folder / f"{prefix}{os.urandom(DRAWN // 2).hex()}{suffix}"
        with suppress(FileExistsError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), path
