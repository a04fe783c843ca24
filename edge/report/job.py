"""The work on one video, and the check whether it has been done."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.base.errors import UserError
from edge.base.files import resolved
from edge.base.settings import Options
from edge.model.bundle import Bundle
from edge.report.inputs import ANNOTATED, CSV, PAGE, PARQUET, SUMMARY, Place, find_places, find_videos, fingerprint


@dataclass(frozen=True)
class Wanted:
    """Wanted parts of a report.

    Attributes:
        annotated: the annotated video beside it.
        pictures: small pictures of faces in it.
        blur: faces made unrecognizable in all pictures.
    """

    annotated: bool = False
    pictures: bool = True
    blur: bool = False


@dataclass(frozen=True)
class Job:
    """One video, where its files go, what to recognize with, and what is wanted."""

    video: Path
    place: Place
    options: Options
    wanted: Wanted

    def endings(self) -> tuple[str, ...]:
        """Return the endings of the files to be written."""
        return (SUMMARY, PAGE, CSV, PARQUET) + (ANNOTATED,) * self.wanted.annotated

    def made_from(self, bundle: Bundle) -> dict[str, Any]:
        """All that the files depend on, as plain values; `bundle` is the options'.

        Raises:
            UserError: the video is not there.
        """
        settings = asdict(self.options)
        del settings["model"]  # its place may change, its hash not
        del settings["max_classifications"]  # all faces are read
        return {
            "video": fingerprint(self.video),
            "model": {"name": bundle.name, "variant": bundle.variant, "sha256": bundle.sha256},
            "settings": settings,
            "wanted": asdict(self.wanted),
        }

    def is_done(self, bundle: Bundle) -> bool:
        """Return whether all files are there, made from the same video, by the same model, with the same settings."""
        there = all(self.place.path(ending).is_file() for ending in self.endings())
        try:
            return there and self.place.summary().get("made_from") == self.made_from(bundle)
        except UserError:
            return False  # the video is gone, and who is to analyze it will say so


class Jobs(NamedTuple):
    """The work on all videos; errors about what was named; files in folders that are no videos by their names."""

    jobs: list[Job]
    problems: list[UserError]
    left_out: list[Path]


def find_jobs(named: Iterable[Path], folder: Path, options: Options, wanted: Wanted) -> Jobs:
    """Find the videos that are named and those in the folders that are named, and a place for each one's report.

    Raises:
        UserError: a report would be written over a video that is to be read.
    """
    videos, problems, left_out = find_videos(named)
    places = find_places(videos, folder)
    jobs = [Job(video, place, options, wanted) for video, place in zip(videos, places, strict=True)]
    _check_outputs(jobs)
    return Jobs(jobs, problems, left_out)


def _check_outputs(jobs: Sequence[Job]) -> None:
    """Refuse to write a report's video over another that is to be read."""
    videos = {resolved(job.video) for job in jobs}
    for job in jobs:
        if resolved(job.place.path(ANNOTATED)) in videos:
            raise UserError(f"{job.place.path(ANNOTATED)}: is to be read and written", "name another --output")
