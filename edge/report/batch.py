"""Analyze several videos at a time, each in a process of its own, so that a crash affects one video only."""

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import cv2

from edge.base.errors import UserError, printable
from edge.base.files import check_folder
from edge.base.machine import quiet_libraries, usable_cores
from edge.base.settings import Options, Wanted
from edge.faces.recognizer import Recognizer
from edge.model.bundle import load_bundle
from edge.report.inputs import PAGE
from edge.report.job import Job, find_jobs
from edge.report.progress import BatchProgress
from edge.report.video import analyze_video

POLL_INTERVAL = 0.1
"""Seconds between two checks for signals."""

WORKER_STOP_TIMEOUT = 5.0
"""Seconds for a process to clean up."""

STEPS = 200
"""Number of progress messages of a process."""

_processes = multiprocessing.get_context("spawn")  # a forked process with OpenCV's threads would hang


@dataclass(frozen=True)
class Outcome:
    """Outcome of a video: a line with its counts, or with the error."""

    text: str
    failed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


def analyze_videos(
    named: Sequence[Path], folder: Path, options: Options, wanted: Wanted, at_once: int | None, stop: threading.Event
) -> Iterator[Outcome]:
    """Analyze the given videos and those in the given folders.

    Args:
        named: files and folders.
        folder: folder of the reports.
        options: options of the recognizer.
        wanted: parts of the reports.
        at_once: number of processes; None for one per core.
        stop: ends the work when it is set.

    Yields:
        The outcome of each video when it ends. Errors are also written to stderr at once.

    Raises:
        UserError: the model or the detector cannot be used.
        KeyboardInterrupt: `stop` was set.
    """
    check_folder(folder)
    bundle = load_bundle(options.model, options.variant)
    Recognizer.from_options(options)  # an error in the model would occur for every video
    jobs, problems, left_out = find_jobs(named, folder, options, wanted)
    known, left = [], []
    for job in jobs:
        if job.is_done(bundle):
            known.append(_told(job, "as it was", job.place.summary()))
        else:
            left.append(job)
    with BatchProgress({job.video: _size(job.video) for job in left}) as progress:
        for outcome in (*known, *(Outcome(str(problem), failed=True) for problem in problems)):
            if outcome.failed:
                progress.tell(f"emotion-edge: {outcome.text}")
            yield outcome
        if left_out:
            count, first = len(left_out), printable(str(left_out[0]))
            progress.tell(f"files left out, whose names are not those of videos: {count}, the first {first}")
        yield from _run(left, at_once or usable_cores(), stop, progress)


def _size(video: Path) -> int:
    """Return the size in bytes; 0 for a video that has disappeared, which its process will report."""
    try:
        return video.stat().st_size
    except OSError:
        return 0


def _run(jobs: Sequence[Job], at_once: int, stop: threading.Event, progress: BatchProgress) -> Iterator[Outcome]:
    # The stages of one video run in parallel already, so its decoder gets the remaining cores.
    threads = max(1, usable_cores() // min(at_once, max(1, len(jobs))) - 1)
    waiting, running = deque(jobs), list[_Worker]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_Worker(waiting.popleft(), threads))
            wait([worker.news for worker in running], POLL_INTERVAL)
            if stop.is_set():
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


class _Worker:
    """A process that analyzes one video."""

    def __init__(self, job: Job, threads: int) -> None:
        self.job = job
        self.news, theirs = _processes.Pipe(duplex=False)
        self.process = _processes.Process(target=_work, args=(job, threads, theirs), daemon=True)
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
                    progress.note(self.job.video, news)
        except (EOFError, OSError):
            self.end()
            self.job.place.clear_leftovers()
            code = self.process.exitcode
            outcome = Outcome(f"{self.job.video}: its process ended with status {code}: check the file", failed=True)
        if outcome:
            self.end()
            progress.end(self.job.video)
            if outcome.failed:
                progress.tell(f"emotion-edge: {outcome.text}")
        return outcome

    def end(self) -> None:
        """End the process and wait for it."""
        self.process.join(WORKER_STOP_TIMEOUT)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.news.close()


def _work(job: Job, threads: int, news: Connection) -> None:
    """Main function of the process: analyze one video."""
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
        try:
            summary = analyze_video(job, tell, threads)
            news.send(_told(job, _counts(summary), summary))
        except UserError as error:
            news.send(Outcome(str(error), failed=True))


def _told(job: Job, what: str, summary: dict[str, Any]) -> Outcome:
    """Describe a report in a line; that of a damaged video is kept, but counts as a failure."""
    report = f"{what}, see {job.place.path(PAGE)}"
    if incomplete := summary.get("incomplete"):
        return Outcome(f"{job.video}: {incomplete['reason']}, what could be read was kept: {report}", failed=True)
    return Outcome(f"{job.video}: {report}")


def _counts(summary: dict[str, Any]) -> str:
    persons = len(summary["persons"]) + summary["persons_left_out"]
    return f"{summary['frames']['answered']} frames, persons: {persons}"


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
