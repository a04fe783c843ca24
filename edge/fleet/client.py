"""A board's side of a repository: fetch metadata and archives, and accept what the trusted keys have signed."""

import tempfile
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import IO

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.exceptions import DownloadError as TufDownloadError
from tuf.api.metadata import Metadata, Root, TargetFile
from tuf.ngclient import FetcherInterface, Updater

from edge.base.download import Downloader, DownloadError
from edge.base.errors import UserError, needs_extra
from edge.base.files import writing
from edge.base.index_settings import IndexSettings
from edge.base.network import has_credentials, public
from edge.fleet.targets import METADATA_FOLDER, TARGET_FOLDER, release_of, target_path
from edge.model.release import Release

REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (UnsignedMetadataError, "is not signed by the keys that this board trusts", "check the address and --trust"),
    (BadVersionNumberError, "serves an older state than this board has seen", "let the publisher restore the newest"),
    (LengthOrHashMismatchError, "serves a file that is not the signed one", "try again; if it stays, publish it again"),
    (RepositoryError, "serves damaged metadata", "try again; if it stays, restore its files"),
    (DownloadHTTPError, "lacks a file", "check the address; a repository has the folders metadata and targets"),
    (DownloadError, "cannot be read", "check network and server, and try again"),
    (TufDownloadError, "cannot be read", "check network and server, and try again"),
)
"""Errors of fetching and verifying, the more special ones first: what the repository does, and what to do about it."""


ED25519 = "ed25519"
"""Scheme of the signatures that are verified without another package."""


class Client:
    """A repository as one board sees it."""

    def __init__(self, address: str, folder: Path, trusted_root: bytes) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            address: of the repository, http or https.
            folder: for metadata that was verified, which later metadata must not fall behind.
            trusted_root: root metadata that the board was given by a way of its own.

        Raises:
            UserError: the root is none, or the folder cannot be written.
        """
        self._address = address.rstrip("/")
        with writing(folder), self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._updater = Updater(
                str(folder),
                f"{self._address}/{METADATA_FOLDER}/",
                target_base_url=f"{self._address}/{TARGET_FOLDER}/",
                fetcher=_Fetcher(),
                bootstrap=trusted_root,
            )

    def offer(self, group: str) -> tuple[Release, TargetFile]:
        """Return the newest release for a group, and its archive's description.

        Raises:
            UserError: the metadata cannot be fetched, is not acceptable, or has nothing for the group.
        """
        with self._told():
            target = self._updater.get_targetinfo(target_path(group))
        if target is None:
            raise UserError(f"{self._address}: has nothing for the group {group}", "name another by --group")
        return release_of(target), target

    def download(self, target: TargetFile, path: Path) -> None:
        """Fetch an archive; the file appears after its hash has been verified.

        Raises:
            UserError: it cannot be fetched, is not the signed one, or cannot be written.
        """
        with writing(path), self._told():
            self._updater.download_target(target, str(path))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn errors of fetching and verifying into one line."""
        try:
            yield
        except ExpiredMetadataError as error:
            problem = f"{self._address}: {error}; this board's clock says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
            raise UserError(problem, "set the clock if that is wrong, or let the publisher sign anew") from error
        except tuple(kind for kind, _, _ in REASONS) as error:
            does, remedy = next((does, remedy) for kind, does, remedy in REASONS if isinstance(error, kind))
            raise UserError(f"{self._address}: {does} ({error})", remedy) from error


def check_address(address: str) -> None:
    """Refuse an address with credentials, which every user of the machine could read.

    Raises:
        UserError: it has some.
    """
    if has_credentials(address):
        problem = f"{public(address)}: credentials do not belong on a command line"
        raise UserError(problem, "leave them out: releases are signed, and no secret")


def check_root(content: bytes, name: str) -> None:
    """Check that a file is root metadata, and that this machine can verify signatures by its keys.

    Raises:
        UserError: it is something else, or a package is missing.
    """
    try:
        metadata = Metadata[Root].from_bytes(content)
        if not isinstance(metadata.signed, Root):
            raise RepositoryError(f"it is {metadata.signed.type}")
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise UserError(f"{name}: is no root of a repository ({error})", "give its metadata/1.root.json") from error
    if any(key.scheme != ED25519 for key in metadata.signed.keys.values()):
        with needs_extra("publish"):
            import cryptography  # noqa: F401


class _Fetcher(FetcherInterface):
    """Downloads within the limits on size and time of `edge.base.download`."""

    def __init__(self) -> None:
        self._downloader = Downloader(IndexSettings(urls=()))

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError  # only `download_file` is used, which knows the limit before it begins

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryFile() as file:
            self._downloader.read(self._response(url), max_length, file, f"fetching {url.rpartition('/')[2]}")
            file.seek(0)
            yield file

    def _response(self, url: str) -> HTTPResponse:
        try:
            return self._downloader.open(url)
        except DownloadError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
                raise DownloadHTTPError(str(error), error.__cause__.code) from error
            raise
