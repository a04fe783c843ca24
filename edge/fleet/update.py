"""One update of a board: fetch, verify, check and switch."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.base.durable import replace_through
from edge.base.errors import UserError
from edge.base.files import read_regular, unreadable
from edge.fleet.client import Client, check_root
from edge.fleet.versions import LARGEST_ROOT, Versions
from edge.model.release import Offer, Release, installed_release, last_offer

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""Time that a set clock cannot be before, in Unix seconds."""

BACKWARDS = 86_400.0
"""Seconds by which a clock may be behind the last verification."""


@dataclass(frozen=True)
class Outcome:
    """Result of an update.

    Attributes:
        release: newest release for this board.
        switched: whether it has replaced another bundle.
        held: whether it is left alone, because it was rolled back from.
    """

    release: Release
    switched: bool
    held: bool = False


def update(address: str, group: str, folder: Path, trust: Path | None, bundle: Path) -> Outcome:
    """Bring a board to the newest release of its group; after an error the bundle in use is the old one.

    Args:
        address: of the repository.
        group: of the board.
        folder: see `edge.fleet.versions`.
        trust: root metadata to trust from now on; None for the one that the folder keeps.
        bundle: bundle to use until the first release has been fetched.

    Raises:
        UserError: the clock is not set, no root is trusted yet, the repository cannot be read or is not acceptable, the
            release is refused, or the folder cannot be written.
    """
    versions = Versions(folder)
    with versions.locked():
        versions.begin(bundle)
        versions.clear()
        root = _trusted_root(folder, trust)
        _check_clock(versions.current)
        client = Client(address, folder / "metadata", root)
        release, target = client.offer(group)
        _check_order(installed_release(versions.current), release)
        versions.note(Offer(release, time.time()))
        held, used = versions.holds(release), versions.uses(release)
        if not (held or used):
            versions.install(release, lambda path: client.download(target, path))
        versions.clear()
    return Outcome(release, not (held or used), held)


def roll_back(folder: Path) -> Release | None:
    """Use the previous bundle again, and return its release; None for a bundle from elsewhere.

    Raises:
        UserError: there is no previous bundle, it is damaged, or another process is updating.
    """
    versions = Versions(folder)
    with versions.locked():
        versions.roll_back()
    return installed_release(versions.current)


def _trusted_root(folder: Path, given: Path | None) -> bytes:
    """Return the trusted root metadata, and keep it in the folder."""
    kept = folder / "root.json"
    source = given or kept
    try:
        content = read_regular(source, LARGEST_ROOT)
    except FileNotFoundError as error:
        if given:
            raise unreadable(given, error, "name the file that the publisher has given out") from error
        raise UserError(
            f"{folder}: no root is trusted yet", "name the publisher's root.json by --trust once"
        ) from error
    except OSError as error:
        raise unreadable(source, error) from error
    check_root(content, str(source))
    if given and not (kept.exists() and kept.read_bytes() == content):
        replace_through(kept, content)
    return content


def _check_clock(current: Path) -> None:
    """Refuse a clock that is not set: by it, metadata that has expired would pass."""
    seen, now = last_offer(current), time.time()
    if now < max(EARLIEST, seen.checked - BACKWARDS if seen else 0.0):
        problem = f"this board's clock says {datetime.fromtimestamp(now, UTC):%Y-%m-%d}, which is past"
        raise UserError(problem, "set it: 'sudo timedatectl set-ntp true' does, where there is a network")


def _check_order(present: Release | None, offered: Release) -> None:
    if present and present.group == offered.group and offered.version < present.version:
        raise UserError(
            f"the repository offers release {offered.version}, which is older than {present.version}, the present one",
            "let the publisher publish the old bundle again: it gets a new number",
        )
