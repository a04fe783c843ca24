"""Analyze several videos at a time in processes, so that a crash affects one video only."""

import threading
from collections.abc import Iterator, Sequence

import pyarrow  # noqa: F401 - used by the processes; its absence is told before they start

from edge.base.errors import UserError, needs_extra, printable, raise_first
from edge.base.files import check_folder, no_empty_folders
from edge.base.machine import usable_cores
from edge.base.settings import Analyze, Options
from edge.faces.recognizer import Recognizer
from edge.model.bundle import Bundle, load_bundle
from edge.model.fastest_variant import resolve_variant
from edge.report.index_page import write_index
from edge.report.job import find_jobs
from edge.report.local import run_here
from edge.report.progress import BatchProgress
from edge.report.sharing import part_of
from edge.report.task import Outcome, Task, described, tasks_of


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
            outcomes = _on_cluster(left, settings.cluster, stop, progress)
        else:
            outcomes = run_here(left, settings.jobs or usable_cores(), stop, progress)
        for outcome in outcomes:
            _tell_failure(outcome, progress)
            yield outcome


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
    return run_on_cluster(tasks, address, stop, progress) if tasks else iter(())


def _tell_failure(outcome: Outcome, progress: BatchProgress) -> None:
    if outcome.failed:
        progress.tell(f"emotion-edge: {outcome.text}")
