"""The work on one video, and the check whether it has been done."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.base.errors import UserError
from edge.base.settings import Options
from edge.model.bundle import Bundle
from edge.report.inputs import ANNOTATED, CSV, PAGE, PARQUET, SUMMARY, Place, fingerprint


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
