"""Job of one video, and the check whether it is done."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.base.errors import UserError
from edge.base.files import resolved
from edge.base.settings import Options, Wanted
from edge.model.bundle import Bundle
from edge.report.inputs import ANNOTATED, CSV, PAGE, PARQUET, SUMMARY, Place, find_places, find_videos, fingerprint


@dataclass(frozen=True)
class Job:
    """One video, the place of its report, the recognizer's options, and the wanted parts."""

    video: Path
    place: Place
    options: Options
    wanted: Wanted

    def endings(self) -> tuple[str, ...]:
        """Return the suffixes of the files to write."""
        return (SUMMARY, PAGE, CSV, PARQUET) + (ANNOTATED,) * self.wanted.annotated

    def made_from(self, bundle: Bundle) -> dict[str, Any]:
        """Return everything that the files depend on, as plain values; `bundle` is that of the options.

        Raises:
            UserError: the video cannot be read.
        """
        settings = asdict(self.options)
        del settings["model"]  # the hash identifies it, wherever it is
        del settings["max_classifications"]  # all faces are classified
        return {
            "video": fingerprint(self.video),
            "model": {"name": bundle.name, "variant": bundle.variant, "sha256": bundle.sha256},
            "settings": settings,
            "wanted": asdict(self.wanted),
        }

    def is_done(self, bundle: Bundle) -> bool:
        """Return whether all files exist and were made from the same video, model and settings."""
        there = all(self.place.path(ending).is_file() for ending in self.endings())
        try:
            return there and self.place.summary().get("made_from") == self.made_from(bundle)
        except UserError:
            return False  # the video has disappeared, which its analysis will report


class Jobs(NamedTuple):
    """Jobs of all videos; errors in the given paths; files in folders without a video's suffix."""

    jobs: list[Job]
    problems: list[UserError]
    left_out: list[Path]


def find_jobs(named: Iterable[Path], folder: Path, options: Options, wanted: Wanted) -> Jobs:
    """Find the given videos and those in the given folders, and choose a place for each report.

    Raises:
        UserError: a report would overwrite a video to be analyzed.
    """
    videos, problems, left_out = find_videos(named)
    places = find_places(videos, folder)
    jobs = [Job(video, place, options, wanted) for video, place in zip(videos, places, strict=True)]
    _check_outputs(jobs)
    return Jobs(jobs, problems, left_out)


def _check_outputs(jobs: Sequence[Job]) -> None:
    """Refuse to overwrite a video to be analyzed."""
    videos = {resolved(job.video) for job in jobs}
    for job in jobs:
        if resolved(job.place.path(ANNOTATED)) in videos:
            raise UserError(f"{job.place.path(ANNOTATED)}: would be both read and written", "name another --output")
