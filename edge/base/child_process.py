"""Child processes for work that may hang or crash."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OOM_SCORE = Path("/proc/self/oom_score_adj")
"""File of this process's score. Out of memory, Linux ends the process with the highest one; 1000 is the maximum."""


def child_environment(**changes: str) -> dict[str, str]:
    """Return the environment for a child process that imports this package, with `changes` applied."""
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": paths} | changes


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Start processes that ignore Ctrl-C and the end of the terminal, which reach their parent as well."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def limit_memory(limit: int) -> None:
    """Limit the data of this process to `limit` bytes, where the system supports that.

    Where the system itself runs out of memory, Linux ends this process before its parent.
    """
    with suppress(OSError):
        OOM_SCORE.write_text("1000")
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
