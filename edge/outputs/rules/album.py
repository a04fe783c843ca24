"""Album of a run's snapshots: JPEGs that state in a comment what they show."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from edge.base.files import read_regular
from edge.base.settings import Rule
from edge.outputs.rules.conditions import Trigger

SNAPSHOT_NAME = re.compile(r"\d{8}-\d{6}-[^/\\\0]*\.jpg")
"""Names of snapshots; other files in the folder are left alone."""

START_OF_IMAGE, JFIF, COMMENT = b"\xff\xd8", b"\xff\xe0", b"\xff\xfe"
"""Markers of JPEG: the beginning, the header that OpenCV writes first, and a comment."""

SIGNATURE = b"emotion-edge "
"""Beginning of the comment, before the facts as JSON."""

COMMENT_BYTES = 4096
"""Bytes at the beginning of a file that have the comment."""

MAX_SNAPSHOT_BYTES = 32 << 20
"""Largest snapshot that is read; a whole frame of 3840×2160 has about 3 MB."""

MOST_LISTED = 500
"""Most snapshots of one listing, the newest ones."""


@dataclass(frozen=True)
class Shot:
    """Facts of a trigger that its snapshot states, see `Trigger`."""

    t: float
    camera: str
    rule: str
    when: str
    face: int | None

    @classmethod
    def of(cls, trigger: Trigger) -> "Shot":
        return cls(round(trigger.t, 3), trigger.camera, trigger.rule, trigger.when, trigger.face)


class Album:
    """Snapshots of a run, for any thread. Only pictures that a rule has taken are listed and read."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Use the folders of the rules' snapshots."""
        folders = dict.fromkeys(rule.snapshot.folder for rule in rules if rule.snapshot.folder)
        self._folders = {str(number): folder for number, folder in enumerate(folders)}
        self._followers: list[Callable[[dict[str, Any]], None]] = []

    def follow(self, follower: Callable[[dict[str, Any]], None]) -> None:
        """Call a function with each new snapshot, as `taken` lists it, in the thread that has written it."""
        self._followers.append(follower)

    def add(self, path: Path, shot: Shot) -> None:
        """Tell the followers of a snapshot that has been written."""
        for follow in self._followers:
            follow(self._listed(path, shot))

    def taken(self, begin: float, end: float, camera: str | None = None) -> list[dict[str, Any]]:
        """Return the newest snapshots of a span of time in Unix seconds, the oldest first.

        Each has the fields of `Shot`, and its `picture`: folder and name, quoted for a URL.
        """
        newest = nlargest(MOST_LISTED, (one for folder in self._folders.values() for one in _files(folder, begin)))
        found = [self._listed(path, shot) for _, path in newest if (shot := _shot_in(path))]
        of_span = (one for one in found if begin <= one["t"] < end and camera in (None, one["camera"]))
        return sorted(of_span, key=lambda one: one["t"])

    def read(self, number: str, name: str) -> bytes:
        """Return a snapshot, a JPEG; `number` of its folder and `name` are those of its `picture`.

        Raises:
            OSError: there is no such snapshot, or it cannot be read.
        """
        if number not in self._folders or not SNAPSHOT_NAME.fullmatch(name):
            raise FileNotFoundError(name)
        content = read_regular(self._folders[number] / name, MAX_SNAPSHOT_BYTES, follow_links=False)
        if stated_shot(content) is None:
            raise FileNotFoundError(name)
        return content

    def _listed(self, path: Path, shot: Shot) -> dict[str, Any]:
        number = next(number for number, folder in self._folders.items() if folder == path.parent)
        return asdict(shot) | {"picture": f"{number}/{quote(path.name)}"}


def with_shot(jpeg: bytes, shot: Shot) -> bytes:
    """Return a JPEG of OpenCV's with a comment that states what it shows."""
    end = _end_of_header(jpeg)
    comment = SIGNATURE + msgspec.json.encode(shot)
    return jpeg[:end] + COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[end:]


def stated_shot(jpeg: bytes) -> Shot | None:
    """Return what a snapshot, or its first `COMMENT_BYTES`, states; None for any other content."""
    if jpeg[:4] != START_OF_IMAGE + JFIF:
        return None
    begin = _end_of_header(jpeg)
    length = int.from_bytes(jpeg[begin + 2 : begin + 4], "big")
    comment = jpeg[begin + 4 : begin + 2 + length]
    if jpeg[begin : begin + 2] != COMMENT or not comment.startswith(SIGNATURE):
        return None
    with suppress(msgspec.DecodeError, UnicodeDecodeError):  # of a damaged file
        return msgspec.json.decode(comment.removeprefix(SIGNATURE), type=Shot)
    return None


def _end_of_header(jpeg: bytes) -> int:
    return 4 + int.from_bytes(jpeg[4:6], "big")


def _files(folder: Path, begin: float) -> Iterator[tuple[float, Path]]:
    """Yield time of writing and path of the files in a folder that may be snapshots from `begin` on."""
    with suppress(OSError), os.scandir(folder) as entries:  # not made yet, or not for this user
        yield from _since(entries, begin)


def _since(entries: Iterable[os.DirEntry[str]], begin: float) -> Iterator[tuple[float, Path]]:
    for entry in entries:
        with suppress(OSError):  # somebody has removed it
            modified = entry.stat(follow_symlinks=False).st_mtime
            if modified >= begin and SNAPSHOT_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield modified, Path(entry.path)


def _shot_in(path: Path) -> Shot | None:
    with suppress(OSError), path.open("rb") as file:
        return stated_shot(file.read(COMMENT_BYTES))
    return None
