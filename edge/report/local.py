"""Tasks in several processes of this machine at a time."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from edge.base.files import CLAIM_INTERVAL
from edge.base.machine import usable_cores
from edge.report.progress import BatchProgress
from edge.report.task import Outcome, Task
from edge.report.task_process import Stopped, TaskProcess

POLL_INTERVAL = 0.1
"""Seconds between two checks for signals."""

News = tuple[Task, float | Outcome] | Exception
"""Finished share of a task, or its outcome; or the error of a thread."""


def run_here(tasks: Sequence[Task], at_once: int, stop: threading.Event, progress: BatchProgress) -> Iterator[Outcome]:
    """Do tasks in processes of this machine.

    Args:
        tasks: the tasks.
        at_once: most tasks at a time.
        stop: ends the work when it is set.
        progress: told of the finished shares.

    Yields:
        The outcome of each task when it ends.

    Raises:
        KeyboardInterrupt: `stop` was set.
    """
    if not tasks:
        return
    at_once = min(at_once, len(tasks))
    # The stages of one video run in parallel already, so its decoder gets the remaining cores.
    processes = [TaskProcess(max(1, usable_cores() // at_once - 1)) for _ in range(at_once)]
    waiting, news = queue.SimpleQueue[Task](), queue.SimpleQueue[News]()
    for task in tasks:
        waiting.put(task)
    threads = [
        threading.Thread(target=_work, args=(process, waiting, news), name="task process", daemon=True)
        for process in processes
    ]
    try:
        for thread in threads:
            thread.start()
        yield from _outcomes(len(tasks), news, stop, progress)
    finally:
        for process in processes:
            process.stop()
        for process in processes:
            process.wait()
        for thread in threads:
            thread.join()


def _outcomes(
    count: int, news: "queue.SimpleQueue[News]", stop: threading.Event, progress: BatchProgress
) -> Iterator[Outcome]:
    while count:
        if stop.is_set():
            raise KeyboardInterrupt
        with suppress(queue.Empty):
            told = news.get(timeout=POLL_INTERVAL)
            if isinstance(told, Exception):
                raise told
            task, one = told
            if isinstance(one, Outcome):
                count -= 1
                progress.end(task.name)
                yield one
            else:
                progress.note(task.name, one)


def _work(process: TaskProcess, waiting: "queue.SimpleQueue[Task]", news: "queue.SimpleQueue[News]") -> None:
    """Have a process do waiting tasks; those that another process is at go to the end of the queue."""
    try:
        while True:
            task = waiting.get_nowait()
            if outcome := process.do(task, partial(_note, news, task)):
                news.put((task, outcome))
            else:
                waiting.put(task)
                time.sleep(CLAIM_INTERVAL)
    except (queue.Empty, Stopped):
        pass
    except Exception as error:  # noqa: BLE001 - raised again in the main thread
        news.put(error)


def _note(news: "queue.SimpleQueue[News]", task: Task, share: float) -> None:
    news.put((task, share))
