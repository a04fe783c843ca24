"""Loop over tasks, the program of a process: `python -m edge.report.task_loop THREADS`, see `edge.report.task_process`.

Tasks come pickled on standard input, one after another; its end means that whoever gave them has ended. For each task
there are lines of JSON on standard output: finished shares, the first when the task is taken, and in the end the
outcome, or null where another process is at the task.
"""

import gc
import json
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import cv2

from edge.base.machine import quiet_libraries, share_heap
from edge.model.bundle import load_bundle
from edge.report.task import Outcome, Task
from edge.report.work import run_task

MAX_TASKS = 100
"""Tasks after which a process ends, as a bound on what libraries leak."""

IDLE_TIMEOUT = 60.0
"""Seconds without a task after which a process ends, on a cluster that stays."""

TELL_INTERVAL = 0.5
"""Seconds between two shares."""


def main(threads: int) -> None:
    """Do tasks until there are no more, or until this process has done enough."""
    quiet_libraries()
    share_heap()
    cv2.setNumThreads(threads)
    news = _reserved_output()
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(tasks,), name="tasks", daemon=True).start()
    with suppress(queue.Empty):
        for _ in range(MAX_TASKS):
            outcome = _done(tasks.get(timeout=IDLE_TIMEOUT), threads, news)
            # A pipeline is part of reference cycles, and its frames would pile up over short videos. Before the outcome
            # is told, since a stop that follows it would be lost in the collection.
            gc.collect()
            news(outcome and asdict(outcome))


def _done(task: Task, threads: int, news: Callable[[Any], None]) -> Outcome | None:
    news(0.0)
    told = time.monotonic()

    def tell(share: float) -> None:
        nonlocal told
        if (now := time.monotonic()) - told >= TELL_INTERVAL:
            told = now
            news(share)

    bundle = load_bundle(task.job.options.model, task.job.options.variant)
    with task.claimed(bundle) as granted:
        return run_task(task, tell, threads) if granted else None


def _reserved_output() -> Callable[[Any], None]:
    """Return a function that writes a line of JSON; what libraries print goes to stderr from now on."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def write(value: Any) -> None:
        output.write(f"{json.dumps(value)}\n")
        output.flush()

    return write


def _read(tasks: "queue.SimpleQueue[Task]") -> None:
    """Read tasks; interrupt this process when there will be no more."""
    with suppress(EOFError):
        while True:
            tasks.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - from the process that started this one
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    status = 1
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        main(int(sys.argv[1]))
        status = 0
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # it was stopped, or whoever gave it tasks has ended
    except Exception:  # noqa: BLE001 - shown here, since Python's own end waits for standard input
        sys.excepthook(*sys.exc_info())
    os._exit(status)  # the thread that waits for tasks holds standard input
