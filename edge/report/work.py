"""The work of a task: read the video, or a stretch of it, and write the result."""

import shutil
from collections.abc import Callable
from typing import Any

from edge.base.errors import UserError
from edge.base.files import is_full_disk, waited_claim
from edge.model.bundle import Bundle, load_bundle
from edge.report.task import Outcome, Task, described
from edge.report.video import analyze_stretch, analyze_video, join_stretches


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
