"""Which videos are meant, and where each one's files go."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import UserError
from edge.files import clear_leftovers
from edge.sources.kinds import is_picture

CSV, PARQUET, PAGE, SUMMARY, ANNOTATED = ".csv", ".parquet", ".html", ".json", ".annotated.mp4"
"""What a report's files end in."""

ENDINGS = (CSV, PARQUET, PAGE, SUMMARY, ANNOTATED)

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts"}
    | {".webm", ".wmv"}
)


@dataclass(frozen=True)
class Place:
    """Where a video's files go: `folder/name` and an ending."""

    folder: Path
    name: str

    def path(self, ending: str) -> Path:
        return self.folder / f"{self.name}{ending}"

    def clear_leftovers(self) -> None:
        """Remove the half-written files of a process that was killed."""
        for ending in ENDINGS:
            clear_leftovers(self.path(ending))

    def summary(self) -> dict[str, Any]:
        """What the summary says that is there; nothing where there is none that can be read."""
        try:
            content = json.loads(self.path(SUMMARY).read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def find_videos(named: Iterable[Path]) -> tuple[list[Path], list[UserError]]:
    """The files that are named and the videos in the folders that are named, each once; and what is wrong."""
    videos: dict[Path, Path] = {}
    problems = []
    for path in named:
        try:
            for video in _videos_at(path):
                videos.setdefault(video.resolve(), video)
        except OSError as error:
            problems.append(UserError(f"{path}: cannot be read ({error.strerror})", "see to its permissions"))
        except UserError as error:
            problems.append(error)
    return list(videos.values()), problems


def fingerprint(video: Path) -> dict[str, Any]:
    """What tells a video from another, and from itself when it was changed.

    Raises:
        UserError: it is not there.
    """
    try:
        status = video.stat()
    except OSError as error:
        raise UserError(f"{video}: cannot be read ({error.strerror})", "give the path of a video") from error
    return {"path": str(video.resolve()), "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def find_places(videos: Sequence[Path], folder: Path) -> list[Place]:
    """A place for each video that no other has, in this call or by an earlier one, and that stays its own.

    The first `clip.mp4` is called `clip`, one of the same name in `walk/` is called `walk-clip`. So is the first where
    somebody else's `clip.csv`, or the like, is there already.
    """
    taken: set[str] = set()
    places = []
    for video in videos:
        free = [Place(folder, name) for name in _names(video) if name.casefold() not in taken]
        own = [place for place in free if _owner(place) == str(video.resolve())]
        place = (own or [place for place in free if not _is_taken(place)] or free[-1:])[0]
        taken.add(place.name.casefold())
        places.append(place)
    return places


def _videos_at(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", "give a video or a folder of videos")
    if not path.is_dir():
        if is_picture(path):
            raise UserError(f"{path}: a picture, not a video", "take 'emotion-edge predict' or 'run' for pictures")
        return [path]
    videos = [p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    videos = sorted(video for video in videos if not video.name.startswith(".") and not video.name.endswith(ANNOTATED))
    if not videos:
        raise UserError(f"{path}: no videos in this folder", "give a folder with videos in it, or their paths")
    return videos


def _names(video: Path) -> Iterator[str]:
    """Short ones first; the last is nobody else's."""
    path = video.resolve()
    yield path.stem
    yield f"{path.parent.name}-{path.stem}"
    yield f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"


def _owner(place: Place) -> str | None:
    """Path of the video that a report there is of."""
    try:
        return str(place.summary()["made_from"]["video"]["path"])
    except (KeyError, TypeError):
        return None


def _is_taken(place: Place) -> bool:
    return any(place.path(ending).exists() for ending in ENDINGS)
