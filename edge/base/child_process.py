"""Python processes of the package's own, for work that may not end or may end its process."""

import os
from contextlib import suppress
from pathlib import Path

OOM_SCORE = Path("/proc/self/oom_score_adj")
"""Linux ends the process with the highest score; 1000 is the most that can be added to one."""


def child_environment(**changes: str) -> dict[str, str]:
    """Return the environment of a child that is to import this package, with `changes` on top."""
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": paths} | changes


def limit_memory(limit: int) -> None:
    """Bound the data of this process to `limit` bytes, where the system has such bounds.

    Where memory runs out before, Linux ends this process rather than the one that started it.
    """
    with suppress(OSError):
        OOM_SCORE.write_text("1000")
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
