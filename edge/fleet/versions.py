"""Bundles that a board has fetched, and the links to them.

    versions/8-1f2e3d4c5b6a/   a bundle with its `release.json`
    current                    link to the bundle in use, which is what `--model` names
    previous                   link to the one before
    held                       link to one that was rolled back from; it is left alone while it is the newest
    offered.json               the repository's newest release, and when it was last verified
    root.json                  root metadata that the board trusts
    metadata/                  verified metadata of the repository

A link is replaced in one step, and only by one to a bundle that is whole and has classified test faces. A process that
is killed at any point leaves the old bundle in use or the new one.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.base.durable import changing, replace_through, sync_folder, write_through
from edge.base.errors import UserError
from edge.base.files import whole_folder
from edge.fleet.archive import check_bundle, unpack, verified
from edge.model.release import OFFER_FILE, RELEASE_FILE, Offer, Release

CURRENT, PREVIOUS, HELD, VERSIONS = "current", "previous", "held", "versions"

LARGEST_ROOT = 1 << 19
"""Largest size of root metadata, bytes."""


class Versions:
    """The folder of a board's bundles; one process at a time changes it.

    Attributes:
        folder: of the links.
        current: link to the bundle in use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.current = folder, folder / CURRENT

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the folder, which is made where it is missing.

        Raises:
            UserError: another process is changing it, or it cannot be written.
        """
        with changing(self.folder, "another update is at work"):
            (self.folder / VERSIONS).mkdir(exist_ok=True)
            yield

    def begin(self, bundle: Path) -> None:
        """Use a bundle from elsewhere until a release has been fetched."""
        if not self.current.is_symlink():
            self._link(CURRENT, bundle.resolve())

    def install(self, release: Release, download: Callable[[Path], None]) -> None:
        """Fetch and check a release, and use it from now on.

        Args:
            release: release that is not in use.
            download: writes its verified archive to a path.

        Raises:
            UserError: it cannot be fetched or unpacked, or its models do not classify the test faces.
        """
        target = self.folder / VERSIONS / _name(release)
        with whole_folder(target) as folder:
            download(archive := folder / "archive")
            unpack(archive, folder)
            archive.unlink()
            _check(folder, release)
            write_through(folder / RELEASE_FILE, msgspec.json.encode(release))
            sync_folder(folder)
        sync_folder(target.parent)
        if self.current.resolve() != target.resolve():  # otherwise a damaged one was replaced
            self._link(PREVIOUS, self.current.resolve())
            self._link(CURRENT, target)

    def roll_back(self) -> None:
        """Use the previous bundle again, and hold the present one back until another release is offered.

        Raises:
            UserError: there is no previous bundle, or it is damaged.
        """
        current, previous = self.current.resolve(), (self.folder / PREVIOUS).resolve()
        if not (self.folder / PREVIOUS).is_symlink() or current == previous:
            raise UserError(f"{self.folder}: there is no version before the present one", "name a bundle by --model")
        check_bundle(previous)
        self._link(HELD, current)
        self._link(CURRENT, previous)
        self._link(PREVIOUS, current)

    def uses(self, release: Release) -> bool:
        """Return whether a release is in use and undamaged."""
        if self.current.resolve().name != _name(release):
            return False
        try:
            verified(self.current)
        except UserError:
            return False
        return True

    def holds(self, release: Release) -> bool:
        """Return whether a release was rolled back from."""
        return (self.folder / HELD).is_symlink() and (self.folder / HELD).resolve().name == _name(release)

    def note(self, offer: Offer) -> None:
        """Keep what the repository offers, for those who show it."""
        replace_through(self.folder / OFFER_FILE, msgspec.json.encode(offer))

    def clear(self) -> None:
        """Remove all versions but the present and the previous one, and what killed processes have left."""
        kept = {(self.folder / name).resolve() for name in (CURRENT, PREVIOUS)}
        for path in (self.folder / VERSIONS).iterdir():
            if path.resolve() not in kept:
                shutil.rmtree(path)

    def _link(self, name: str, bundle: Path) -> None:
        """Let a link lead to a bundle, in one step; links to versions are relative, so that the folder may move."""
        own = bundle.resolve().parent == (self.folder / VERSIONS).resolve()
        part = self.folder / f".{name}"
        part.unlink(missing_ok=True)
        part.symlink_to(Path(VERSIONS, bundle.name) if own else bundle)
        part.replace(self.folder / name)
        sync_folder(self.folder)


def _name(release: Release) -> str:
    """Return the name of a release's folder."""
    return f"{release.version}-{release.sha256[:12]}"


def _check(folder: Path, release: Release) -> None:
    try:
        check_bundle(folder)
    except UserError as error:
        problem = f"release {release.version} of {release.group} is refused ({error.problem})"
        raise UserError(problem, "the present bundle stays; let the publisher publish a sound one") from error
