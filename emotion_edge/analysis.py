"""Reports of recorded videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import UserError, needs_extra
from edge.base.files import check_folder
from edge.base.machine import quiet_libraries
from edge.base.options import Setting, build, declared
from edge.base.settings import Options, Wanted, model_folder
from edge.report.inputs import ANNOTATED, CSV, EAF, PAGE, PARQUET, SRT
from edge.report.job import Job, find_jobs


@dataclass(frozen=True)
class Report:
    """Files of one video's report.

    Attributes:
        page: HTML page with figures.
        csv, parquet: table of all faces, one row per face and frame.
        summary: content of the page as plain values.
        annotated: annotated video; None where it was not wanted.
        elan: annotations for ELAN; None where they were not wanted.
        subtitles: SubRip subtitles; None where they were not wanted.
    """

    page: Path
    csv: Path
    parquet: Path
    summary: dict[str, Any]
    annotated: Path | None = None
    elan: Path | None = None
    subtitles: Path | None = None


def analyze(
    videos: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    annotate: bool = False,
    thumbnails: bool = True,
    blur: bool = False,
    with_video: bool = False,
    elan: bool = False,
    subtitles: bool = False,
    start: float | str | None = None,
    end: float | str | None = None,
    every: int = 1,
    recursive: bool = False,
    model: str | Path = "default",
) -> list[Report]:
    """Write a report of each video, one after another; `emotion-edge analyze` takes several at a time.

    Args:
        videos: a video, a folder of videos, or several of them.
        output: folder for the reports; made where it is missing.
        annotate: write the annotated video, too.
        thumbnails: show small pictures of faces in the page.
        blur: make faces unrecognizable in all written pictures.
        with_video: show the video in the page, by a link to its file, and seek to a clicked time.
        elan: write all episodes as annotations for ELAN, too.
        subtitles: write all episodes as subtitles, too.
        start: time from which frames are analyzed: seconds, or a text such as `1:02:30`.
        end: time before which they are.
        every: analyze every Nth frame.
        recursive: analyze the videos in subfolders, too.
        model: see `load`.

    Raises:
        UserError: a video or the model cannot be read, a value is out of range, or the reports cannot be written.
    """
    with needs_extra("analyze"):
        from edge.report.video import analyze_video
    quiet_libraries()
    named = [videos] if isinstance(videos, str | Path) else videos
    check_folder(Path(output))
    wanted = _wanted(
        {
            **{"annotated": annotate, "thumbnails": thumbnails, "blur": blur, "with_video": with_video},
            **{"elan": elan, "subtitles": subtitles},
            **{"excerpt.start": start, "excerpt.end": end, "excerpt.every": every},
        }
    )
    options = Options(model=model_folder(model))
    jobs, problems, _ = find_jobs([Path(name) for name in named], Path(output), options, wanted, recursive=recursive)
    if problems:
        raise problems[0]
    return [_report(job, analyze_video(job)) for job in jobs]


def _wanted(values: Mapping[str, Any]) -> Wanted:
    """Return the wanted parts from their values by dotted names, checked as in a configuration file."""
    return build(
        Wanted,
        {
            setting.name: _converted(setting, values[setting.name])
            for setting in declared(Wanted)
            if values.get(setting.name) is not None
        },
    )


def _converted(setting: Setting, value: Any) -> Any:
    try:
        return setting.convert(value)
    except ValueError as error:
        raise UserError(f"{setting.path[-1]}: {error}", f"it is: {setting.option.help}") from error


def _report(job: Job, summary: dict[str, Any]) -> Report:
    place, endings = job.place, job.endings()
    more = (place.path(ending) if ending in endings else None for ending in (ANNOTATED, EAF, SRT))
    return Report(place.path(PAGE), place.path(CSV), place.path(PARQUET), summary, *more)
