"""Reports of recorded videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import needs_extra
from edge.base.files import check_folder
from edge.base.machine import quiet_libraries
from edge.base.settings import Options, Wanted, model_folder


@dataclass(frozen=True)
class Report:
    """Files of one video's report.

    Attributes:
        page: HTML page with figures.
        csv, parquet: table of all faces, one row per face and frame.
        summary: content of the page as plain values.
    """

    page: Path
    csv: Path
    parquet: Path
    summary: dict[str, Any]


def analyze(
    videos: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    annotate: bool = False,
    thumbnails: bool = True,
    blur: bool = False,
    model: str | Path = "default",
) -> list[Report]:
    """Write a report of each video, one after another; `emotion-edge analyze` takes several at a time.

    Args:
        videos: a video, a folder of videos, or several of them.
        output: folder for the reports; made where it is missing.
        annotate: write the annotated video, too.
        thumbnails: show small pictures of faces in the page.
        blur: make faces unrecognizable in all written pictures.
        model: see `load`.

    Raises:
        UserError: a video or the model cannot be read, or the reports cannot be written.
    """
    with needs_extra("analyze"):
        from edge.report.inputs import CSV, PAGE, PARQUET
        from edge.report.job import find_jobs
        from edge.report.video import analyze_video
    quiet_libraries()
    named = [videos] if isinstance(videos, str | Path) else videos
    check_folder(Path(output))
    options, wanted = Options(model=model_folder(model)), Wanted(annotate, thumbnails, blur)
    jobs, problems, _ = find_jobs([Path(name) for name in named], Path(output), options, wanted)
    if problems:
        raise problems[0]
    reports = []
    for job in jobs:
        summary = analyze_video(job)
        reports.append(Report(job.place.path(PAGE), job.place.path(CSV), job.place.path(PARQUET), summary))
    return reports
