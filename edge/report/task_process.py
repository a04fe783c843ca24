"""A process that does tasks, so that a video that ends it leaves everything else alive."""

import json
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from edge.base.child_process import child_environment, uninterrupted
from edge.base.files import CLAIM_INTERVAL
from edge.report.task import Outcome, Task, crashed

TASK_LOOP = (sys.executable, "-m", "edge.report.task_loop")
"""Command line of the process, see `edge.report.task_loop`; the number of threads follows."""

TASK_STOP_TIMEOUT = 5.0
"""Seconds for a process to clean up."""


class Stopped(Exception):  # noqa: N818 - a request, no error
    """The process was stopped."""


class TaskProcess:
    """A process that does one task after another, and is replaced after a task that ended it.

    One thread gives it tasks; another may stop it.
    """

    def __init__(self, threads: int = 1) -> None:
        """Prepare; the process starts with the first task. `threads` are those of the decoder and of OpenCV."""
        self._command = (*TASK_LOOP, str(threads))
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Number of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    def do(self, task: Task, tell: Callable[[float], None] = lambda share: None) -> Outcome | None:
        """Do a task; return its outcome, or None where another process is at it.

        Args:
            task: the task.
            tell: called with the finished share, 0 to 1.

        Raises:
            Stopped: the process was stopped.
        """
        begun, is_new = False, self._process is None
        for news in _news(self._running(), task):
            begun = True
            if not isinstance(news, float):
                return Outcome(**news) if news else None
            tell(news)
        status = self._ended()
        if begun or is_new:
            return crashed(task, status)
        return self.do(task, tell)  # it had ended before it took the task

    def stop(self) -> None:
        """Interrupt the process for good; it removes what it has half-written. Called by any thread."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.terminate()

    def wait(self) -> None:
        """Wait until the stopped process has ended, and kill it after a time-out. Called by any thread."""
        with self._lock:
            process = self._process
        if process:
            try:
                process.wait(TASK_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._stopped:
                raise Stopped
            if self._process is None:
                with uninterrupted():
                    self._process = subprocess.Popen(
                        self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
                    )
            return self._process

    def _ended(self) -> int:
        """Wait for the end of the process, which has closed its output; return its exit status.

        Raises:
            Stopped: the process was stopped.
        """
        process = self._process
        assert process is not None
        with suppress(BrokenPipeError), process:  # there may be a task that it did not take
            pass
        with self._lock:
            self._process = None
            if self._stopped:
                raise Stopped
        return process.returncode


def do_task(task: Task) -> Outcome:
    """Do a task in the process of this thread of a cluster's worker, once no other process is at it."""
    process = _own.__dict__.setdefault("process", TaskProcess())
    while (outcome := process.do(task)) is None:
        time.sleep(CLAIM_INTERVAL)
    return outcome


_own = threading.local()
"""Process of each thread of a worker; it ends with the worker, and by itself when it has had no task for a while."""


def _news(process: "subprocess.Popen[bytes]", task: Task) -> Iterator[Any]:
    """Give a process a task; yield its answers, see `edge.report.task_loop`, until it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # it has ended, which its output tells
        pickle.dump(task, process.stdin)
        process.stdin.flush()
    for line in process.stdout:
        yield json.loads(line)
