"""The unit of work: one video, or one stretch of a long one.

A task writes its result beside by a temporary name and renames it, and finds its own finished result again by the hash
of video, model and settings. So a task that runs twice, on one machine or on two, does no harm.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import UserError, printable
from edge.base.files import claimed
from edge.model.bundle import Bundle
from edge.report.inputs import PAGE
from edge.report.job import Job
from edge.report.stretches import Stretch, stretches_of


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


def crashed(task: Task, status: int | None) -> Outcome:
    """Return the outcome of a task that ended its process, of which nothing half-written is left."""
    with suppress(UserError), claimed(task.job.place.claim):  # which removes the claim of the process
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
