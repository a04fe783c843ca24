"""The unit of work: one video, or one stretch of a long one.

A task writes its result beside by a temporary name and renames it, and finds its own finished result again by the hash
of video, model and settings. So a task that runs twice, on one machine or on two, does no harm.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import UserError, printable
from edge.base.files import claimed, is_full_disk, waited_claim
from edge.model.bundle import Bundle, load_bundle
from edge.report.inputs import PAGE
from edge.report.job import Job
from edge.report.stretches import Stretch, stretches_of
from edge.report.video import analyze_stretch, analyze_video, join_stretches


@dataclass(frozen=True)
class Outcome:
    """Outcome of a task: a line with its counts, or with the error; small, since it may travel."""

    text: str
    failed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


@dataclass(frozen=True)
class Task:
    """A video, or one of its stretches, of which there are `Stretch.total`."""

    job: Job
    stretch: Stretch | None = None

    @property
    def name(self) -> str:
        """Name for people."""
        return f"{self.job.video}, {self.stretch}" if self.stretch else str(self.job.video)

    @property
    def size(self) -> int:
        """Share of the video's bytes; 0 for one that has disappeared, which its analysis will report."""
        try:
            size = self.job.video.stat().st_size
        except OSError:
            return 0
        return size // self.stretch.total if self.stretch else size

    def part(self, bundle: Bundle) -> Path:
        """Return the file with the result of the stretch.

        Raises:
            UserError: the video cannot be read.
        """
        assert self.stretch is not None
        return self.parts(bundle)[self.stretch.number - 1]

    def parts(self, bundle: Bundle) -> list[Path]:
        """Return the files with the results of all stretches of the video.

        Raises:
            UserError: the video cannot be read.
        """
        assert self.stretch is not None
        key, total = self.job.key(bundle), self.stretch.total
        return [self.job.place.parts / f"{key}-{number + 1}-of-{total}.parquet" for number in range(total)]

    def is_done(self, bundle: Bundle) -> bool:
        """Return whether there is nothing left to do: the report is there, or this stretch of it and others are not."""
        if self.job.is_done(bundle):
            return True
        if self.stretch is None:
            return False
        try:
            return self.part(bundle).is_file() and not all(part.is_file() for part in self.parts(bundle))
        except UserError:
            return False  # the video has disappeared, which its analysis will report

    @contextmanager
    def claimed(self, bundle: Bundle) -> Iterator[bool]:
        """Claim the task; yield False where another process is at it."""
        with ExitStack() as claim:
            granted = True
            with suppress(UserError):  # the video or the folder cannot be used, which its analysis will report
                path = self.part(bundle).with_suffix(".claim") if self.stretch else self.job.place.claim
                granted = claim.enter_context(claimed(path, str(self.job.video.resolve())))
            yield granted


def tasks_of(jobs: Iterable[Job], problems: list[UserError]) -> list[Task]:
    """Divide jobs into tasks; add errors of videos that cannot be opened to `problems`."""
    tasks: list[Task] = []
    for job in jobs:
        try:
            stretches = stretches_of(job.video, job.wanted.excerpt)
        except UserError as error:
            job.place.keep_error(str(error))
            problems.append(error)
        else:
            tasks += [Task(job, stretch) for stretch in stretches] or [Task(job)]
    return tasks


def run_task(task: Task, tell: Callable[[float], None], threads: int | None = None) -> Outcome:
    """Do a task that this process has claimed; whoever finishes the last stretch of a video joins them.

    Args:
        task: the task.
        tell: called with the finished share, 0 to 1.
        threads: threads of the decoder; by default one per spare core.
    """
    try:
        bundle = load_bundle(task.job.options.model, task.job.options.variant)
        if task.job.is_done(bundle):  # by another process, since this task was planned
            return described(task.job, "as it was", task.job.place.summary())
        summary = _summary(task, bundle, tell, threads)
        task.job.place.clear_error()
    except UserError as error:
        if not is_full_disk(error):  # which says nothing about the video
            task.job.place.keep_error(str(error))
        return Outcome(str(error), failed=True)
    return described(task.job, counts(summary), summary) if summary else Outcome(task.name)


def crashed(task: Task, status: int | None) -> Outcome:
    """Return the outcome of a task that ended its process, of which nothing half-written is left."""
    task.job.place.clear_leftovers()
    outcome = Outcome(f"{task.name}: its process ended with status {status}: check the file", failed=True)
    task.job.place.keep_error(outcome.text)
    return outcome


def described(job: Job, what: str, summary: dict[str, Any]) -> Outcome:
    """Describe a report in a line; that of a damaged video is kept, but counts as a failure."""
    report = f"{what}, see {job.place.path(PAGE)}"
    if incomplete := summary.get("incomplete"):
        return Outcome(f"{job.video}: {incomplete['reason']}, what could be read was kept: {report}", failed=True)
    return Outcome(f"{job.video}: {report}")


def counts(summary: dict[str, Any]) -> str:
    """Return the numbers of frames and persons in words."""
    persons = len(summary["persons"]) + summary["persons_left_out"]
    return f"{summary['frames']['answered']} frames, persons: {persons}"


def _summary(task: Task, bundle: Bundle, tell: Callable[[float], None], threads: int | None) -> dict[str, Any] | None:
    """Do a task; return the summary of the report, or None while stretches of the video are missing."""
    if task.stretch is None:
        return analyze_video(task.job, tell, threads)
    part, parts = task.part(bundle), task.parts(bundle)
    if not part.is_file():
        analyze_stretch(task.job, task.stretch, part, tell, threads)
    if not all(path.is_file() for path in parts):
        return None
    with waited_claim(task.job.place.claim, str(task.job.video.resolve())):
        if task.job.is_done(bundle):  # by another process that found all of them, too
            return task.job.place.summary()
        summary = join_stretches(task.job, parts)
        shutil.rmtree(task.job.place.parts, ignore_errors=True)
        return summary
