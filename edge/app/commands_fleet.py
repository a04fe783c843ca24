"""The commands of a fleet: `publish` and `rotate-keys` for its publisher, `update` for each board."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path

from edge.base.errors import UserError, needs_extra
from edge.base.settings import Publish, RotateKeys, Update
from edge.base.state import state_folder


def publish(settings: Publish) -> int:
    """Publish a bundle, or sign the repository anew; the first call makes keys and repository."""
    with needs_extra("publish"):
        from edge.fleet.keys import made_or_read, signers
        from edge.fleet.repository import ROLES, has_root, opened
    folder, keys = settings.repository, settings.keys
    _check_apart(folder, keys)
    new = not has_root(folder)
    roles = {role: made_or_read(keys / f"{role}.pem") for role in ROLES} if new else {}
    with opened(folder, signers(keys, settings.key), settings.valid_days) as repository:
        if new:
            repository.create(roles)
        release = repository.publish(settings.bundle, settings.group) if settings.bundle else None
        if not release:
            repository.renew()
    if new:
        print(f"new keys in {keys}: move root.pem to a place that is not connected, the others sign from now on")
        print(f"boards trust {folder}/metadata/1.root.json: give it to each by a way of its own")
    if release:
        print(f"release {release.version} for {release.group}: {release.name}, sha256 {release.sha256[:12]}")
    print(_validity(repository.expiry))
    return 0


def rotate_keys(settings: RotateKeys) -> int:
    """Replace the keys of a role."""
    with needs_extra("publish"):
        from edge.fleet.keys import signer, signers
        from edge.fleet.repository import has_root, opened
    folder, keys = settings.repository, settings.keys
    _check_apart(folder, keys)
    if not has_root(folder):
        raise UserError(f"{folder}: no repository is there", "'emotion-edge publish' makes one")
    new_keys = settings.new_keys or (str(_unused(keys, settings.role)),)
    with opened(folder, signers(keys, settings.key), Publish.valid_days) as repository:
        repository.set_keys(settings.role, [signer(name) for name in new_keys], settings.threshold)
    print(f"{settings.role}: {settings.threshold} of {', '.join(new_keys)} sign from now on; its other keys do no more")
    print(_validity(repository.expiry))
    return 0


def update(settings: Update) -> int:
    """Bring the bundle of this board to the newest release, or back to the one before."""
    folder = settings.directory or state_folder() / "models"
    if settings.rollback:
        return _roll_back(folder)
    if not settings.repository:
        raise UserError("no repository is named", "name its address by --repository")
    with needs_extra("update"):
        from edge.fleet.client import check_address
        from edge.fleet.update import update as update_from
    check_address(settings.repository)
    outcome = update_from(settings.repository, settings.group, folder, settings.trust, settings.model)
    release = outcome.release
    shown = f"release {release.version} for {release.group}: {release.name}"
    if outcome.held:
        print(f"{shown}, which this board was rolled back from; waiting for another")
    elif outcome.switched:
        print(f"{shown}, in use from now on at {folder}/current; {_reloaded()}")
    else:
        print(f"{shown}, in use already")
    return 0


def _check_apart(repository: Path, keys: Path) -> None:
    """Refuse keys in the folder that a web server serves."""
    if keys.resolve().is_relative_to(repository.resolve()):
        raise UserError(f"{keys}: keys in the repository would be served to everybody", "name another folder by --keys")


def _unused(keys: Path, role: str) -> Path:
    """Return the first file name for a new key of a role that is free."""
    return next(path for n in count(2) if not (path := keys / f"{role}-{n}.pem").exists())


def _validity(expiry: Mapping[str, datetime]) -> str:
    return "valid until: " + ", ".join(f"{role} {until:%Y-%m-%d}" for role, until in expiry.items())


def _roll_back(folder: Path) -> int:
    with needs_extra("update"):
        from edge.fleet.update import roll_back
    release = roll_back(folder)
    shown = f"release {release.version}" if release else "the bundle from before the first release"
    print(f"back to {shown}, until another than the present one is offered; {_reloaded()}")
    return 0


def _reloaded() -> str:
    """Let the running service load the model again, and say so."""
    from edge.app.systemd_updates import reload_service

    return reload_service()
