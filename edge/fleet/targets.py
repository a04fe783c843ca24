"""Names and descriptions of archives in a repository, on which publisher and boards agree."""

from typing import Any

import msgspec
from tuf.api.metadata import TargetFile

from edge.base.errors import UserError
from edge.model.release import Release

METADATA_FOLDER, TARGET_FOLDER = "metadata", "targets"
"""Folders of a repository."""

ARCHIVE = "bundle.zip"
"""File name of an archive; the file itself has the hash before it, so that none is ever replaced."""


def target_path(group: str) -> str:
    """Return the path of a group's archive."""
    return f"{group}/{ARCHIVE}"


def described(release: Release) -> dict[str, Any]:
    """Return what the metadata of an archive says of its release."""
    return {"version": release.version, "name": release.name}


def release_of(target: TargetFile) -> Release:
    """Return the release of an archive.

    Raises:
        UserError: its metadata does not describe one.
    """
    group = target.path.rpartition("/")[0]
    fields = {"group": group, "sha256": target.hashes.get("sha256"), **(target.custom or {})}
    try:
        return msgspec.convert(fields, Release)
    except msgspec.ValidationError as error:
        raise UserError(f"{target.path}: is not described as a release ({error})", "publish it again") from error
