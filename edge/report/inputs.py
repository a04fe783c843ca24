"""Videos to analyze, and the paths of their reports."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.base.errors import UserError, printable
from edge.base.files import claim_owner, clear_leftovers, fitting_name, sha256, unreadable, write_whole, writing
from edge.sources.image_formats import is_picture

CSV, PARQUET, PAGE, SUMMARY, ANNOTATED = ".csv", ".parquet", ".html", ".json", ".annotated.mp4"
"""Suffixes of a report's files."""

EAF, SRT = ".eaf", ".srt"
"""Suffixes of the annotations for ELAN and of the subtitles."""

ENDINGS = (CSV, PARQUET, PAGE, SUMMARY, ANNOTATED, EAF, SRT)

ERROR = ".error.txt"
"""Suffix of the file with the error of a video that has no report."""

DATA_SET, PARTITION_FILE = "faces", "faces.parquet"
"""Folder of the tables of all videos, and file of each of its partitions."""

PARTITION_BYTES = 250
"""Longest name of a partition; file systems allow 255."""

VIDEO_SUFFIXES = frozenset(
    {".264", ".265", ".3g2", ".3gp", ".asf", ".av1", ".avi", ".dav", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265"}
    | {".hevc", ".ivf", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpe"}
    | {".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vob", ".webm"}
    | {".wmv", ".wtv", ".y4m"}
)
"""Suffixes of the videos in a folder, in lower case; a file that is named itself may have any."""


@dataclass(frozen=True)
class Place:
    """Path of a video's report files: `folder/name` and a suffix; the name may have folders of its own in it."""

    folder: Path
    name: str

    def path(self, ending: str) -> Path:
        if ending == PARQUET:  # one data set of all videos, partitioned by their names
            return self.folder / DATA_SET / _partition(self.name) / PARTITION_FILE
        return self.folder / f"{self.name}{ending}"

    @property
    def claim(self) -> Path:
        """Hidden file that the process that writes the report has locked, see `edge.base.files.claimed`."""
        return self._hidden("claim")

    @property
    def parts(self) -> Path:
        """Hidden folder with the finished stretches of a long video, until they are joined."""
        return self._hidden("parts")

    def _hidden(self, ending: str) -> Path:
        path = self.folder / self.name
        return path.with_name(f".{path.name}.{ending}")

    def keep_error(self, error: str) -> None:
        """Write down why the video has no report; on a full disk this is lost, and the exit status still tells."""
        with suppress(UserError):
            write_whole(self.path(ERROR), f"{error}\n")

    def clear_error(self) -> None:
        """Remove the error of an earlier run."""
        with writing(self.path(ERROR)):
            self.path(ERROR).unlink(missing_ok=True)

    def clear_leftovers(self) -> None:
        """Remove the half-written files of a killed process."""
        for ending in ENDINGS:
            clear_leftovers(self.path(ending))

    def summary(self) -> dict[str, Any]:
        """Read the summary; empty where there is no readable one."""
        try:
            content = json.loads(self.path(SUMMARY).read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


class Inputs(NamedTuple):
    """Videos to analyze, each once; errors in the given paths; files in folders without a video's suffix."""

    videos: list["Found"]
    problems: list[UserError]
    left_out: list[Path]


class Found(NamedTuple):
    """A video, and the folders that lead to it from the one that was named."""

    path: Path
    below: Path = Path()


def find_videos(named: Iterable[Path], *, recursive: bool = False) -> Inputs:
    """Find the given files and the videos in the given folders; with `recursive`, also those in folders below these."""
    videos: dict[Path, Found] = {}
    problems, left_out = [], []
    for path in named:
        try:
            found, others = _videos_at(path, recursive)
            for video in found:
                videos.setdefault(video.path.resolve(), video)
            left_out += others
        except OSError as error:
            problems.append(unreadable(path, error))
        except UserError as error:
            problems.append(error)
    return Inputs(list(videos.values()), problems, left_out)


def fingerprint(video: Path) -> dict[str, Any]:
    """Return path, size and time of change, which identify a video and its version.

    Raises:
        UserError: it cannot be read.
    """
    try:
        status = video.stat()
    except OSError as error:
        raise UserError(f"{video}: cannot be read ({error.strerror})", "give the path of a video") from error
    return {"path": str(video.resolve()), "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def find_places(videos: Sequence[Found], folder: Path) -> list[Place]:
    """Return a unique place for each video, which it keeps in later calls; it is below the same folders as the video.

    The first `clip.mp4` is called `clip`, one of the same name in `walk/` is called `walk-clip`. The first one also
    gets the longer name where a `clip.csv` or the like of another origin exists.
    """
    taken: set[str] = set()
    places = []
    for video in videos:
        free = [Place(folder, name) for name in _names(video) if name.casefold() not in taken]
        own = [place for place in free if _owner(place) == str(video.path.resolve())]
        place = (own or [place for place in free if not _is_taken(place)] or free[-1:])[0]
        taken.add(place.name.casefold())
        places.append(place)
    return places


def _videos_at(path: Path, recursive: bool) -> tuple[list[Found], list[Path]]:
    """Return the videos at a path, and a folder's other files without hidden ones and reports."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path}: no such file or folder", "give a video or a folder of videos") from error
    if not path.is_dir():
        if is_picture(path):
            raise UserError(f"{path}: a picture, not a video", "use 'emotion-edge predict' or 'run' for pictures")
        return [Found(path)], []
    files = [file for folder in _folders(path, recursive) for file in _files(folder)]
    videos = [Found(file, file.parent.relative_to(path)) for file in files if _is_video(file)]
    if not videos:
        remedy = "give a folder with videos in it, or their paths"
        remedy += "" if recursive else ", or --recursive for the folders in it"
        raise UserError(f"{path}: no videos in this folder", remedy)
    return videos, [file for file in files if not _is_video(file)]


def _folders(path: Path, recursive: bool) -> Iterator[Path]:
    """Yield a folder, and in the order of their names those below it that are not hidden."""
    yield path
    if recursive:
        for inner in sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink() and not _is_hidden(p)):
            yield from _folders(inner, recursive)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and not _is_hidden(p) and not _is_report(p))


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _partition(name: str) -> str:
    """Return the folder of a video in the data set, as Hive and its readers write names: `video=walk%2Fclip`."""
    quoted = "".join(f"%{ord(letter):02X}" if letter in '%/\\:=?*"<>|#' else letter for letter in name)
    end = "" if len(f"video={quoted}".encode()) <= PARTITION_BYTES else f"-{sha256(name.encode())[:16]}"
    return fitting_name(f"video={quoted}", end, PARTITION_BYTES)


def _is_report(path: Path) -> bool:
    """Return whether a file belongs to a report: an annotated video, or a file beside a summary."""
    if path.name.endswith((ANNOTATED, ERROR)) or path.name in (PARTITION_FILE, "index.html"):
        return True
    return path.suffix in ENDINGS and bool(Place(path.parent, path.stem).summary().get("made_from"))


def _names(video: Found) -> Iterator[str]:
    """Yield names for a video's report, short ones first; the last one is unique."""
    path = video.path.resolve()
    below = "".join(f"{_fitting(folder)}/" for folder in video.below.parts)
    yield below + _fitting(path.stem)
    yield below + _fitting(f"{path.parent.name}-{path.stem}")
    yield below + _fitting(path.stem, f"-{sha256(os.fsencode(path))[:16]}")


def _fitting(name: str, end: str = "") -> str:
    """Shorten a name for file systems, and replace characters that programs cannot read or print."""
    return fitting_name(printable(name).replace("\\", "_"), end)


def _owner(place: Place) -> str | None:
    """Return the path of the video that a report belongs to, or that another process is about to give it."""
    if owner := claim_owner(place.claim):  # first: the summary appears before the claim ends
        return owner
    try:
        return str(place.summary()["made_from"]["video"]["path"])
    except (KeyError, TypeError):
        return None


def _is_taken(place: Place) -> bool:
    return any(place.path(ending).exists() for ending in ENDINGS)
