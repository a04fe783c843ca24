"""Time and memory of a command in a fresh process.

    python -m benchmarks.base.process CORES SECONDS COMMAND…

is the small process in between, which ends the command after SECONDS (0: never). Linux counts the memory of
the process that starts a program towards the program's own peak; this one is small, so it adds nothing.
It imports only the standard library and `edge.base.errors`, which imports nothing else.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edge.base.errors import UserError, exit_on_user_error

ROOT = Path(__file__).resolve().parents[2]
"""Working directory of commands, so that they find this package and `edge`."""

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes; getrusage counts in KiB, except on macOS."""

USER_ERROR = "emotion-edge: "
"""Start of the commands' messages to users; see `edge.base.errors`."""


@dataclass(frozen=True)
class Usage:
    """Resources that a command used.

    Attributes:
        status: exit status; negative for the signal that ended it.
        seconds: from its start to its end.
        first_line: seconds from its start to its first line on standard output; None without one.
        cpu: seconds of all its threads on processors.
        peak: peak memory, bytes of RAM (VmHWM).
    """

    status: int
    seconds: float
    first_line: float | None
    cpu: float
    peak: int

    @property
    def load(self) -> float:
        """Mean processor load, as a share of one core."""
        return self.cpu / self.seconds


def run_fresh(command: Sequence[str], cores: int, feeder: Sequence[str] | None = None, timeout: float = 0) -> Usage:
    """Run a command and wait for its end.

    Args:
        command: a program and its arguments; paths in it are absolute.
        cores: number of cores that it may use, of those of this process.
        feeder: another command, on any core, whose standard output is the first one's standard input.
        timeout: seconds after which it is stopped; 0: never.

    Raises:
        UserError: the command reported one, or timed out.
        RuntimeError: it failed otherwise.
    """
    watcher = [sys.executable, "-m", "benchmarks.base.process", str(cores), str(timeout), *command]
    with _fed_by(feeder) if feeder else nullcontext(subprocess.DEVNULL) as stdin:
        done = subprocess.run(watcher, stdin=stdin, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise _failure(watcher, done.returncode, done.stderr)
    usage = Usage(**json.loads(done.stdout))
    if timeout and usage.status == -signal.SIGALRM:
        raise UserError(f"it did not end within {timeout:g} s", "leave it out, or give it less to measure")
    if usage.status:
        raise _failure(command, usage.status, done.stderr)
    return usage


def call_fresh(function: Callable[..., Any], *arguments: Any, cores: int) -> tuple[Any, Usage]:
    """Call a module's function in a fresh process; arguments and result are plain values, and paths become strings."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        usage = run_fresh(call_command(function, *arguments, answer=answer), cores)
        return json.loads(answer.read_text()), usage


def call_command(function: Callable[..., Any], *arguments: Any, answer: Path = Path(os.devnull)) -> list[str]:
    """Return the command that calls a function of a module, see `benchmarks.base.call`."""
    words = [function.__module__, function.__name__, json.dumps(arguments, default=str), str(answer)]
    return [sys.executable, "-m", "benchmarks.base.call", *words]


def summary(error: Exception) -> str:
    """Return an error in one line, the last one of a program's traceback."""
    return (str(error).strip() or repr(error)).splitlines()[-1]


def can_restrict() -> bool:
    """Return True if this system lets a process choose its cores."""
    return hasattr(os, "sched_setaffinity")


def _restrict_to(cores: int) -> None:
    if can_restrict():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


@contextmanager
def _fed_by(feeder: Sequence[str]) -> Iterator[int]:
    """Run a command during the block; yield the file descriptor of its standard output."""
    with subprocess.Popen(feeder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.fileno()
        finally:
            process.kill()


def _failure(command: Sequence[str], status: int, errors: str) -> Exception:
    for line in reversed(errors.splitlines()):
        if status == 2 and line.startswith(USER_ERROR):
            problem, _, remedy = line.removeprefix(USER_ERROR).rpartition(": ")
            return UserError(problem, remedy)
    return RuntimeError(f"{' '.join(command)} ended with status {status}:\n{errors}")


def _watch(command: Sequence[str], timeout: float) -> Usage:
    """Run a command as a child of this process, and read its output as it comes; an alarm enforces the time-out."""
    started, alarm = time.monotonic(), partial(signal.setitimer, signal.ITIMER_REAL, timeout)
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=alarm) as process:
        assert process.stdout is not None
        first = time.monotonic() - started if process.stdout.readline() else None
        for _ in process.stdout:
            pass
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu = time.monotonic() - started, used.ru_utime + used.ru_stime
    return Usage(process.returncode, seconds, first, cpu, used.ru_maxrss * MAXRSS_UNIT)


def main() -> int:
    """Watch one command; print its figures to standard output as JSON, its errors to standard error."""
    cores, timeout, *command = sys.argv[1:]
    _restrict_to(int(cores))
    json.dump(asdict(_watch(command, float(timeout))), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
