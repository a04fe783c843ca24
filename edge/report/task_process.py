"""One task in a process of its own, for workers of a cluster: `python -m edge.report.task_process`.

The task comes pickled on standard input, which stays open: its end means that whoever asked has ended. The outcome goes
to standard output as JSON.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import cv2

from edge.base.child_process import child_environment
from edge.base.files import CLAIM_INTERVAL
from edge.base.machine import quiet_libraries
from edge.model.bundle import load_bundle
from edge.report.task import Outcome, Task, crashed, run_task

THREADS = 1
"""Threads of decoder and OpenCV: a cluster has a worker on each core."""


def do_task(task: Task) -> Outcome:
    """Do a task in a process of its own, so that a video that kills it leaves the worker alive."""
    command = [sys.executable, "-m", "edge.report.task_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(pickle.dumps(task))
            process.stdin.flush()
            answer = process.stdout.read()
        except BrokenPipeError:
            answer = b""
    if process.returncode or not answer:
        return crashed(task, process.returncode)
    return Outcome(**json.loads(answer))


def main() -> int:
    """Read the task, do it once no other process is at it, and write the outcome."""
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    quiet_libraries()
    cv2.setNumThreads(THREADS)
    json.dump(asdict(_done(task)), sys.stdout)
    return 0


def _done(task: Task) -> Outcome:
    bundle = load_bundle(task.job.options.model, task.job.options.variant)
    while True:
        with task.claimed(bundle) as granted:
            if granted:
                return run_task(task, lambda share: None, THREADS)
        time.sleep(CLAIM_INTERVAL)


def _end_with_parent() -> None:
    """Interrupt this process when its parent has ended."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    status = 1
    with suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, _interrupt)
        status = main()
        sys.stdout.flush()
    os._exit(status)  # the thread that waits for the parent holds standard input
