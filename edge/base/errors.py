"""Errors that a user can fix, and the exit status for each."""

import errno
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from edge.base.network import masked

OPENCV_NO_MEMORY = -4
"""`code` of OpenCV's out-of-memory error."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, by the shells' convention."""


class UserError(Exception):
    """An error that the user can fix: bad input, a missing file, an absent camera.

    Its text never shows the credentials or the query of an address.

    Args:
        problem: what is wrong and where, without a full stop.
        remedy: what to do about it, in the imperative.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        problem, remedy = masked(printable(problem)), masked(printable(remedy))
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def printable(text: str) -> str:
    """Escape control characters and bytes that are not UTF-8, as file names may contain them."""
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # Macs put narrow spaces into names
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, see PEP 383
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def raise_first(errors: Iterable[UserError]) -> None:
    """Raise the first of some errors, if there is one."""
    for error in errors:
        raise error


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Guard the import of a module whose packages are installed by `extra` only.

    Raises:
        UserError: one of the packages is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edge"):
            raise  # our own module is missing: a bug
        # pip adds the extra to the package that is installed, so this works where no index has the package.
        raise UserError(f"{error.name} is not installed", f"run \"pip install 'emotion-edge[{extra}]'\"") from error


def exit_on_user_error(main: Callable[[], int]) -> int:
    """Run `main` and return its exit status.

    A `UserError`, or a shortage of memory, files or threads, is one line on stderr and status 2. Ctrl-C is one line and
    status 130. Other exceptions are bugs and keep their traceback.
    """
    try:
        return main()
    except UserError as error:
        print(f"emotion-edge: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("emotion-edge: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if not (short := shortage(error)):
            raise
        print(f"emotion-edge: {short}", file=sys.stderr)
        return 2


def shortage(error: Exception) -> UserError | None:
    """Return the error for a shortage of files, memory or threads; None where the exception means something else."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE):
        return UserError("too many open files", "allow more with 'ulimit -n', or end other programs")
    unmapped = isinstance(error, ImportError) and "failed to map segment" in str(error)
    # By its code, so that this module need not import OpenCV.
    opencv = getattr(error, "code", None) == OPENCV_NO_MEMORY
    if isinstance(error, MemoryError) or number == errno.ENOMEM or unmapped or opencv:
        return UserError("there is not enough memory", "end other programs, or raise this one's limit")
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return UserError("no more threads can be started", "allow more with 'ulimit -u', or end other programs")
    return None
