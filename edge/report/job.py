"""Job of one video, and the check whether it is done."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.base.errors import UserError, raise_first
from edge.base.files import resolved, sha256
from edge.base.settings import Options, Wanted
from edge.model.bundle import Bundle
from edge.report.inputs import (
    ANNOTATED,
    CSV,
    EAF,
    PAGE,
    PARQUET,
    SRT,
    SUMMARY,
    Place,
    find_places,
    find_videos,
    fingerprint,
)

KEY_LETTERS = 16
"""Length of a job's key."""


@dataclass(frozen=True)
class Job:
    """One video, the place of its report, the recognizer's options, and the wanted parts."""

    video: Path
    place: Place
    options: Options
    wanted: Wanted

    def endings(self) -> tuple[str, ...]:
        """Return the suffixes of the files to write."""
        wanted = {ANNOTATED: self.wanted.annotated, EAF: self.wanted.elan, SRT: self.wanted.subtitles}
        return (SUMMARY, PAGE, CSV, PARQUET, *(ending for ending, is_wanted in wanted.items() if is_wanted))

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

    def key(self, bundle: Bundle) -> str:
        """Return a hash of everything that the files depend on.

        Raises:
            UserError: the video cannot be read.
        """
        return sha256(json.dumps(self.made_from(bundle), sort_keys=True).encode())[:KEY_LETTERS]

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


def find_jobs(
    named: Iterable[Path], folder: Path, options: Options, wanted: Wanted, *, recursive: bool = False
) -> Jobs:
    """Find the given videos and those in the given folders, and choose a place for each report.

    Raises:
        UserError: a report would overwrite a video to be analyzed, or what is wanted does not go together.
    """
    raise_first(_conflicts(options, wanted))
    videos, problems, left_out = find_videos(named, recursive=recursive)
    places = find_places(videos, folder)
    jobs = [Job(video.path, place, options, wanted) for video, place in zip(videos, places, strict=True)]
    check_outputs(jobs)
    return Jobs(jobs, problems, left_out)


def _conflicts(options: Options, wanted: Wanted) -> Iterator[UserError]:
    """Yield errors about parts of a report that do not go together."""
    excerpt = wanted.excerpt
    if excerpt.start is not None and excerpt.end is not None and excerpt.start >= excerpt.end:
        yield UserError("--from is not before --to", "give an earlier --from")
    if wanted.with_video and wanted.blur and not wanted.annotated:
        yield UserError(
            "--with-video shows the faces that --blur hides",
            "give --annotate, whose video is blurred and shown instead",
        )
    in_one_piece = {
        "--annotate": wanted.annotated,
        "--blur": wanted.blur,
        "--personal-baseline": options.personal_baseline,
    }
    for flag in (name for name, given in in_one_piece.items() if given and excerpt.split_minutes):
        yield UserError(f"{flag} needs videos in one piece, and --split-minutes cuts them", "leave one of the two out")


def check_outputs(jobs: Sequence[Job]) -> None:
    """Refuse to overwrite a video to be analyzed."""
    videos = {resolved(job.video) for job in jobs}
    for job in jobs:
        if resolved(job.place.path(ANNOTATED)) in videos:
            raise UserError(f"{job.place.path(ANNOTATED)}: would be both read and written", "name another --output")
