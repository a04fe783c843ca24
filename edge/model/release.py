"""Published versions of a bundle: the one in a folder, and the one that the repository offers.

`emotion-edge update` writes both files; whoever shows versions reads them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from edge.base.files import read_regular
from edge.model.manifest import Name, Sha256

RELEASE_FILE = "release.json"
"""File in the folder of a fetched bundle."""

OFFER_FILE = "offered.json"
"""File beside the link to the fetched bundle that is in use."""

LARGEST_FILE = 1 << 12
"""Largest size of either file, bytes."""

T = TypeVar("T")

Number = Annotated[int, Meta(ge=1, le=10**9)]


class Release(msgspec.Struct, frozen=True):
    """A bundle as it was published.

    Attributes:
        version: number of the release; larger ones are newer.
        name: name of the bundle.
        group: group of boards that it was published for.
        sha256: hash of the archive, hexadecimal.
    """

    version: Number
    name: Name
    group: Name
    sha256: Sha256


class Offer(msgspec.Struct, frozen=True):
    """The repository's newest release for this board, and when it was last verified, in Unix seconds."""

    release: Release
    checked: float


@dataclass(frozen=True)
class Releases:
    """The release in use, and the newest one for this board; None for a bundle from elsewhere, and without an offer."""

    used: Release | None = None
    offered: Release | None = None

    @property
    def known(self) -> bool:
        """Return whether there is either of them."""
        return bool(self.used or self.offered)

    def numbers(self) -> dict[str, int | None]:
        """Return the numbers of both by `release` and `offered`."""
        return {"release": _number(self.used), "offered": _number(self.offered)}

    def __str__(self) -> str:
        if not self.used:
            return f"release {self.offered.version} is offered" if self.offered else ""
        newer = self.offered and self.offered.version != self.used.version
        return f"release {self.used.version}{f', {self.offered.version} is offered' if newer and self.offered else ''}"


def installed_release(bundle: Path) -> Release | None:
    """Return the release that a bundle's folder, or a link to it, holds; None for a bundle from elsewhere."""
    return _read(bundle / RELEASE_FILE, Release)


def last_offer(bundle: Path) -> Offer | None:
    """Return the latest offer to a board that uses `bundle`, the link of `emotion-edge update`; None without one."""
    return _read(bundle.parent / OFFER_FILE, Offer)


def releases(bundle: Path) -> Releases:
    """Return the release that a bundle's folder holds now, and the newest one that was offered to this board."""
    return Releases(installed_release(bundle), newest_offered(bundle))


def newest_offered(bundle: Path) -> Release | None:
    """Return the release of the latest offer, see `last_offer`."""
    offer = last_offer(bundle)
    return offer.release if offer else None


def _number(release: Release | None) -> int | None:
    return release.version if release else None


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(read_regular(path, LARGEST_FILE), type=kind)
    except (OSError, msgspec.DecodeError):  # absent, or damaged: the version is unknown then
        return None
