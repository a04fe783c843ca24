"""Errors in what the user gave, with their remedies."""

import errno
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.base.network import masked

OPENCV_NO_MEMORY = -4
"""`code` of OpenCV's error where it finds no memory."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, by the shells' convention."""


class UserError(Exception):
    """Something a user can put right: bad input, a missing file, an absent camera.

    Credentials and queries of addresses are left out of its text, wherever they come from.

    Args:
        problem: what is wrong and where, naming the thing, without a full stop.
        remedy: what to do about it, as an imperative clause.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        problem, remedy = masked(printable(problem)), masked(printable(remedy))
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def printable(text: str) -> str:
    """Escape what a terminal must not get from a file's name: control characters, and bytes that are not UTF-8."""
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # Macs put narrow spaces into names
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8, see PEP 383
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """For the import of a module whose packages only `extra` installs.

    Raises:
        UserError: one of them is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edge"):
            raise  # ours: a bug
        raise UserError(f"{error.name} is not installed", f"run \"pip install 'emotion-edge[{extra}]'\"") from error


def exit_on_user_error(main: Callable[[], int]) -> int:
    """Run `main`; a `UserError` becomes one line on stderr and status 2, a bug keeps its traceback.

    What the system is short of is one line and status 2 as well. An interruption is one line and status 130.
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
    """Name what the system is short of, where that is what an exception means."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EMFILE, errno.ENFILE):
        return UserError("too many open files", "allow more by 'ulimit -n', or end other programs")
    unmapped = isinstance(error, ImportError) and "failed to map segment" in str(error)
    # OpenCV's error has a type that this module need not know.
    opencv = getattr(error, "code", None) == OPENCV_NO_MEMORY
    if isinstance(error, MemoryError) or number == errno.ENOMEM or unmapped or opencv:
        return UserError("there is not enough memory", "end other programs, or allow this one more")
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return UserError("no more threads can be started", "allow more by 'ulimit -u', or end other programs")
    return None
