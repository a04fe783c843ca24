"""Updates that are killed, or that find the disk full, at each of their steps; run as a program by a test.

A step is a change of the file system: a file that is opened for writing, renamed or removed, a folder or a link that is
made. An audit hook sees them all, so the update itself knows nothing of this. Each update is a process of its own,
forked from this one, which has imported everything already and has no threads.

    faulty_updates.py steps FAULT FOLDER ADDRESS     at each step in turn, from a copy of FOLDER; one line of JSON each
    faulty_updates.py crowd FOLDER ADDRESS ROOT N    N new boards at once, one of ten killed at a step of its own
"""

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from edge.app.cli import main
from edge.base.errors import UserError
from edge.fleet.archive import verified
from edge.model.release import installed_release

CHANGES = {"os.rename", "os.mkdir", "os.symlink", "os.remove", "os.rmdir", "shutil.rmtree", "os.link", "os.truncate"}

AT_ONCE = 8
"""Boards that update at the same time: as many as a small machine bears."""

HIT = 99
"""Exit status of an update whose fault has not come: it had fewer steps."""


def changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Return whether an event of the audit changes the file system."""
    return event in CHANGES or (event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))


def faulty(step: int, fault: str) -> Callable[[str, tuple[Any, ...]], None]:
    """Return a hook that kills this process at a step, or lets the disk be full from there on."""
    steps = count(1)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not changes(event, arguments):
            return
        now = next(steps)
        if fault == "kill" and now == step:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "full" and now >= step and (event in ("os.mkdir", "os.symlink") or event == "open"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return hook


def started(words: list[str], hook: Callable[..., None] | None, errors: Path) -> int:
    """Start an update in a process of its own; return its id."""
    if child := os.fork():
        return child
    status = 70
    try:
        sys.stdout = sys.stderr = errors.open("w")
        if hook:
            sys.addaudithook(hook)
        status = main(["update", *words])
    finally:
        sys.stderr.flush()
        os._exit(status)


def ended(child: int) -> int:
    """Wait for a process; return its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def state(folder: Path) -> dict[str, Any]:
    """Return the version in use, whether the bundle is whole, and what else is there."""
    current = folder / "current"
    try:
        whole = bool(verified(current))
    except UserError:
        whole = False
    release, names = installed_release(current), [path.name for path in (folder / "versions").iterdir()]
    return {"version": release and release.version, "whole": whole, "names": names}


def steps(fault: str, template: Path, address: str) -> None:
    for step in count(1):
        folder, errors = template.with_name(f"step-{step}"), template.with_name("errors")
        shutil.copytree(template, folder, symlinks=True)
        words = ["--repository", address, "--directory", str(folder)]
        status = ended(started(words, faulty(step, fault), errors))
        found = {"step": step, "status": status, "errors": errors.read_text().splitlines()} | state(folder)
        found["again"] = ended(started(words, None, errors))
        found["after"] = state(folder)
        print(json.dumps(found), flush=True)
        shutil.rmtree(folder)
        if status == 0:
            return


def crowd(folder: Path, address: str, root: str, boards: int) -> None:
    results = []
    for first in range(0, boards, AT_ONCE):
        running = []
        for board in range(first, min(first + AT_ONCE, boards)):
            words = ["--repository", address, "--trust", root, "--directory", str(folder / f"{board}")]
            hook = faulty(1 + board // 10, "kill") if board % 10 == 0 else None
            running.append((board, words, started(words, hook, folder / f"{board}.errors")))
        for board, words, child in running:
            status = ended(child)
            found = {"board": board, "status": status}
            if status:
                found["again"] = ended(started(words, None, folder / f"{board}.errors"))
            results.append(found | state(folder / f"{board}"))
    print(json.dumps(results))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    from edge.fleet import update  # noqa: F401 - before any process is forked

    if sys.argv[1] == "steps":
        steps(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    else:
        crowd(Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
