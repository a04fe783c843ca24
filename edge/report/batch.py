"""Analyze several videos at a time, each in a process of its own, so that a crash affects one video only."""

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2

from edge.base.errors import UserError, needs_extra, printable, raise_first
from edge.base.files import check_folder, no_empty_folders
from edge.base.machine import quiet_libraries, usable_cores
from edge.base.settings import Analyze, Options
from edge.faces.recognizer import Recognizer
from edge.model.bundle import Bundle, load_bundle
from edge.model.fastest_variant import resolve_variant
from edge.report.index_page import write_index
from edge.report.job import find_jobs
from edge.report.progress import BatchProgress
from edge.report.sharing import part_of
from edge.report.task import Outcome, Task, crashed, described, run_task, tasks_of

POLL_INTERVAL = 0.1
"""Seconds between two checks for signals."""

WORKER_STOP_TIMEOUT = 5.0
"""Seconds for a process to clean up."""

STEPS = 200
"""Number of progress messages of a process."""

_processes = multiprocessing.get_context("spawn")  # a forked process with OpenCV's threads would hang


def analyze_videos(settings: Analyze, stop: threading.Event) -> Iterator[Outcome]:
    """Analyze the given videos and those in the given folders, or this shard's part of them.

    Args:
        settings: settings of the command.
        stop: ends the work when it is set.

    Yields:
        The outcome of each task when it ends. Errors are also written to stderr at once.

    Raises:
        UserError: the model or the detector cannot be used, or settings do not go together.
        KeyboardInterrupt: `stop` was set.
    """
    raise_first(_conflicts(settings))
    check_folder(settings.output)
    options = resolve_variant(settings.recognition)
    bundle = load_bundle(options.model, options.variant)
    Recognizer.from_options(options)  # an error in the model would occur for every video
    with no_empty_folders(settings.output):
        yield from _outcomes(settings, options, bundle, stop)
        write_index(settings.output)


def _outcomes(settings: Analyze, options: Options, bundle: Bundle, stop: threading.Event) -> Iterator[Outcome]:
    jobs, problems, left_out = find_jobs(
        settings.videos, settings.output, options, settings.wanted, recursive=settings.recursive
    )
    tasks = part_of(settings.shard, tasks_of(jobs, problems))
    left = [task for task in tasks if not task.is_done(bundle)]
    with BatchProgress({task.name: task.size for task in left}) as progress:
        for outcome in (*_known(tasks, left, bundle), *(Outcome(str(problem), failed=True) for problem in problems)):
            _tell_failure(outcome, progress)
            yield outcome
        if left_out:
            count, first = len(left_out), printable(str(left_out[0]))
            progress.tell(f"files left out, whose names are not those of videos: {count}, the first {first}")
        if settings.cluster:
            yield from _on_cluster(left, settings.cluster, stop, progress)
        else:
            yield from _run(left, bundle, settings.jobs or usable_cores(), stop, progress)


def _known(tasks: Sequence[Task], left: Sequence[Task], bundle: Bundle) -> Iterator[Outcome]:
    """Yield the outcomes of earlier runs, one for each video."""
    waiting = {task.job.video for task in left}
    for job in dict.fromkeys(task.job for task in tasks if task.job.video not in waiting):
        if job.is_done(bundle):
            yield described(job, "as it was", job.place.summary())


def _conflicts(settings: Analyze) -> Iterator[UserError]:
    """Yield errors about ways to share the work that do not go together."""
    given = {"--shard": settings.shard, "--jobs": settings.jobs}
    for flag in (name for name, value in given.items() if value and settings.cluster):
        yield UserError(f"{flag} and --cluster both share the work out", "leave one of the two out")


def _on_cluster(
    tasks: Sequence[Task], address: str, stop: threading.Event, progress: BatchProgress
) -> Iterator[Outcome]:
    with needs_extra("cluster"):
        from edge.report.cluster import run_on_cluster
    for outcome in run_on_cluster(tasks, address, stop, progress) if tasks else ():
        _tell_failure(outcome, progress)
        yield outcome


def _tell_failure(outcome: Outcome, progress: BatchProgress) -> None:
    if outcome.failed:
        progress.tell(f"emotion-edge: {outcome.text}")


def _run(
    tasks: Sequence[Task], bundle: Bundle, at_once: int, stop: threading.Event, progress: BatchProgress
) -> Iterator[Outcome]:
    # The stages of one video run in parallel already, so its decoder gets the remaining cores.
    threads = max(1, usable_cores() // min(at_once, max(1, len(tasks))) - 1)
    waiting, running = deque(tasks), list[Worker]()
    try:
        while waiting or running:
            if len(running) < at_once:
                for task, claim in islice(_unclaimed(waiting, bundle), at_once - len(running)):
                    running.append(Worker(task, threads, claim))
            wait([worker.news for worker in running], POLL_INTERVAL)
            if stop.wait(0 if running else POLL_INTERVAL):
                raise KeyboardInterrupt
            for worker in list(running):
                if outcome := worker.outcome(progress):
                    running.remove(worker)
                    yield outcome
    finally:
        for worker in running:
            worker.process.terminate()
        for worker in running:
            worker.end()


def _unclaimed(waiting: deque[Task], bundle: Bundle) -> Iterator[tuple[Task, ExitStack]]:
    """Yield tasks that no other process is at, with claims on them; the others go to the end of the queue."""
    for _ in range(len(waiting)):
        task, claim = waiting.popleft(), ExitStack()
        if claim.enter_context(task.claimed(bundle)):
            yield task, claim
        else:
            claim.close()
            waiting.append(task)


class Worker:
    """A process that does one task, and the claim on it."""

    def __init__(self, task: Task, threads: int, claim: ExitStack) -> None:
        self.task, self._claim = task, claim
        self.news, theirs = _processes.Pipe(duplex=False)
        self.process = _processes.Process(target=_work, args=(task, threads, theirs), daemon=True)
        with _no_interruption():
            self.process.start()
        theirs.close()  # so that reading ends with the process

    def outcome(self, progress: BatchProgress) -> Outcome | None:
        """Pass the progress on; return the outcome, or None while the process runs."""
        outcome = None
        try:
            while outcome is None and self.news.poll():
                news = self.news.recv()
                if isinstance(news, Outcome):
                    outcome = news
                else:
                    progress.note(self.task.name, news)
        except (EOFError, OSError):
            self.process.join(WORKER_STOP_TIMEOUT)
            outcome = crashed(self.task, self.process.exitcode)
        if outcome:
            self.end()
            progress.end(self.task.name)
            _tell_failure(outcome, progress)
        return outcome

    def end(self) -> None:
        """End the process and wait for it."""
        self.process.join(WORKER_STOP_TIMEOUT)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.news.close()
        self._claim.close()


def _work(task: Task, threads: int, news: Connection) -> None:
    """Do one task; main function of a process."""
    signal.signal(signal.SIGTERM, _interrupt)
    quiet_libraries()
    cv2.setNumThreads(threads)
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        if share - told >= 1 / STEPS:
            told = share
            news.send(share)

    with suppress(KeyboardInterrupt, BrokenPipeError):  # it was stopped, or its parent has ended
        news.send(run_task(task, tell, threads))


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Start processes that ignore Ctrl-C and the end of the terminal, which reach the parent as well."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or it would be started below, and let SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
