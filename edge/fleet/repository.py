"""The repository of releases: TUF metadata and archives as plain files, which any web server can serve.

    metadata/1.root.json, …         keys and threshold of each role; signed by the root's keys, which are kept offline
    metadata/1.targets.json, …      size and hash of each group's archive
    metadata/1.snapshot.json, …     version and hash of `targets`
    metadata/timestamp.json         version and hash of `snapshot`
    targets/GROUP/HASH.bundle.zip   archives

Files are written in this order, with the timestamp last, so that readers see the old state or the new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from edge.base.durable import changing
from edge.base.errors import UserError
from edge.base.files import read_regular, sha256, unreadable, write_whole
from edge.fleet.archive import check_bundle, pack
from edge.fleet.targets import ARCHIVE, METADATA_FOLDER, TARGET_FOLDER, described, release_of, target_path
from edge.model.release import Release

ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)

VALID_DAYS = 365
"""Days for which all but the timestamp are valid, since their keys need not be at hand between releases."""

LARGEST_METADATA = 1 << 20
"""Largest size of a metadata file, bytes."""

HASHES = ["sha256"]

RESTORE = "restore it from a copy of the repository"

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


@contextmanager
def opened(folder: Path, signers: Sequence[Signer], days: int) -> Iterator["Repository"]:
    """Open a repository, and write what the block changes in it; after an error nothing is changed.

    Args:
        folder: with the repository.
        signers: keys at hand; each signs the roles that it belongs to.
        days: for which a timestamp is valid.

    Raises:
        UserError: it cannot be read or written, or another process is publishing.
    """
    with changing(folder, "another process is publishing"):
        repository = Repository(folder, signers, days)
        yield repository
        repository.write()


def has_root(folder: Path) -> bool:
    """Return whether a folder holds a repository."""
    return bool(_root_versions(folder))


class Repository:
    """The newest metadata of a repository, and changes that are signed but not written yet."""

    def __init__(self, folder: Path, signers: Sequence[Signer], days: int) -> None:
        """Read the metadata; see `opened`."""
        self._folder, self._signers, self._days = folder, list(signers), days
        self._unwritten: dict[str, bytes] = {}
        roots, began = _root_versions(folder), (folder / METADATA_FOLDER / "timestamp.json").exists()
        self._root = self._read(f"{max(roots)}.root.json", Root) if roots else _unpublished(Root)
        self._timestamp = self._read("timestamp.json", Timestamp) if began else _unpublished(Timestamp)
        version = self._timestamp.signed.snapshot_meta.version
        self._snapshot = self._read(f"{version}.snapshot.json", Snapshot) if began else _unpublished(Snapshot)
        version = self._snapshot.signed.meta["targets.json"].version
        self._targets = self._read(f"{version}.targets.json", Targets) if began else _unpublished(Targets)

    @property
    def releases(self) -> dict[str, Release]:
        """The present release of each group."""
        found = map(release_of, self._targets.signed.targets.values())
        return {release.group: release for release in found}

    @property
    def expiry(self) -> dict[str, datetime]:
        """Time until which boards accept each role's metadata."""
        kinds = (self._root, self._targets, self._snapshot, self._timestamp)
        return {metadata.signed.type: metadata.signed.expires for metadata in kinds if metadata.signed.version}

    def create(self, keys: Mapping[str, Signer]) -> None:
        """Make the first root, with one key for each role."""
        for role, signer in keys.items():
            self._root.signed.add_key(signer.public_key, role)
        self._signers += keys.values()
        self._sign(self._root, VALID_DAYS, self._root.signed)

    def publish(self, bundle: Path, group: str) -> Release:
        """Publish a bundle for a group, under the next number, or the one that it has in another group already.

        Raises:
            UserError: the bundle is damaged, or keys are missing.
        """
        name, content = check_bundle(bundle), pack(bundle)
        release = Release(self._number(group, sha256(content)), name, group, sha256(content))
        target = TargetFile.from_data(target_path(group), content, HASHES)
        target.unrecognized_fields["custom"] = described(release)
        self._targets.signed.targets[target.path] = target
        self._unwritten[f"{TARGET_FOLDER}/{group}/{release.sha256}.{ARCHIVE}"] = content
        self._sign_from(Targets.type)
        return release

    def renew(self) -> None:
        """Sign the timestamp anew, and what is past half of its time as far as the keys for it are at hand.

        Raises:
            UserError: a key of the timestamp is missing.
        """
        if self._due(self._root) and self._can_sign(Root.type):
            self._sign(self._root, VALID_DAYS, self._root.signed)
        due = [metadata.signed.type for metadata in (self._targets, self._snapshot) if self._due(metadata)]
        able = [role for role in due if self._can_sign(role) and self._can_sign(Snapshot.type)]
        self._sign_from(able[0] if able else Timestamp.type)

    def set_keys(self, role: str, keys: Sequence[Signer], threshold: int) -> None:
        """Replace the keys of a role; metadata that the old ones have signed is signed anew.

        Raises:
            UserError: there are fewer keys than the threshold, or keys are missing that must sign.
        """
        if threshold > len({signer.public_key.keyid for signer in keys}):
            raise UserError(f"{threshold} signatures want as many keys", "name more by --new-key")
        before, root = deepcopy(self._root.signed), self._root.signed
        for keyid in before.roles[role].keyids:
            root.revoke_key(keyid, role)
        for signer in keys:
            root.add_key(signer.public_key, role)
        root.roles[role].threshold = threshold
        self._signers += keys
        self._sign(self._root, VALID_DAYS, before, root)
        if role != Root.type and self._timestamp.signed.version:
            self._sign_from(role)

    def write(self) -> None:
        """Write what has been signed, and the archives before it."""
        for name, content in sorted(self._unwritten.items(), key=lambda item: _order(item[0])):
            write_whole(self._folder / name, content)
        self._unwritten.clear()

    def _number(self, group: str, archive: str) -> int:
        """Return the number of a release: a new one, unless the archive has one that is new to the group."""
        present = self.releases
        newest = present[group].version if group in present else 0
        known = {release.version for release in present.values() if release.sha256 == archive}
        if known and max(known) >= newest:
            return max(known)
        return max((release.version for release in present.values()), default=0) + 1

    def _sign_from(self, role: str) -> None:
        """Sign a role's metadata, and that of the roles that tell its version."""
        if role == Targets.type:
            content = self._sign(self._targets, VALID_DAYS, self._root.signed)
            version = self._targets.signed.version
            self._snapshot.signed.meta["targets.json"] = MetaFile.from_data(version, content, HASHES)
        if role in (Targets.type, Snapshot.type):
            content = self._sign(self._snapshot, VALID_DAYS, self._root.signed)
            self._timestamp.signed.snapshot_meta = MetaFile.from_data(self._snapshot.signed.version, content, HASHES)
        self._sign(self._timestamp, self._days, self._root.signed)

    def _sign(self, metadata: Metadata[Any], days: int, *roots: Root) -> bytes:
        """Sign the next version of a role's metadata by all keys at hand that `roots` list for it."""
        signed = metadata.signed
        signed.version += 1
        signed.expires = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
        metadata.signatures.clear()
        listed = {keyid for root in roots for keyid in root.roles[signed.type].keyids}
        for keyid, signer in {signer.public_key.keyid: signer for signer in self._signers}.items():
            if keyid in listed:
                _add_signature(metadata, signer)
        for root in roots:
            try:
                root.verify_delegate(signed.type, metadata.signed_bytes, metadata.signatures)
            except UnsignedMetadataError as error:
                raise _missing_keys(signed.type, root, metadata) from error
        name = "timestamp.json" if signed.type == Timestamp.type else f"{signed.version}.{signed.type}.json"
        content = self._unwritten[f"{METADATA_FOLDER}/{name}"] = metadata.to_bytes()
        return content

    def _can_sign(self, role: str) -> bool:
        wanted = self._root.signed.roles[role]
        at_hand = {signer.public_key.keyid for signer in self._signers}
        return len(at_hand.intersection(wanted.keyids)) >= wanted.threshold

    def _due(self, metadata: Metadata[Any]) -> bool:
        signed = metadata.signed
        return not signed.version or signed.expires - datetime.now(UTC) < timedelta(days=VALID_DAYS / 2)

    def _read(self, name: str, kind: type[S]) -> Metadata[S]:
        path = self._folder / METADATA_FOLDER / name
        try:
            metadata = Metadata[S].from_bytes(read_regular(path, LARGEST_METADATA))
            if not isinstance(metadata.signed, kind):
                raise RepositoryError(f"it is {metadata.signed.type}")
            return metadata
        except OSError as error:
            raise unreadable(path, error, RESTORE) from error
        except RepositoryError as error:
            raise UserError(f"{path}: is damaged ({error})", RESTORE) from error


def _unpublished(kind: type[S]) -> Metadata[S]:
    """Return empty metadata whose first signed version will be 1."""
    metadata = Metadata(kind())
    metadata.signed.version = 0
    return metadata


def _root_versions(folder: Path) -> list[int]:
    numbers = (path.name.partition(".")[0] for path in (folder / METADATA_FOLDER).glob("*.root.json"))
    return [int(number) for number in numbers if number.isdecimal()]


def _order(name: str) -> int:
    """Return the place of a file among those that are written."""
    return next((place for place, role in enumerate(ROLES, 1) if name.endswith(f"{role}.json")), 0)


def _add_signature(metadata: Metadata[Any], signer: Signer) -> None:
    try:
        metadata.sign(signer, append=True)
    except UnsignedMetadataError as error:  # for whatever a PKCS#11 module has against it
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from error
        reason = str(error.__cause__) or type(error.__cause__).__name__
        remedy = "check that the module is connected, and its PIN"
        raise UserError(f"{metadata.signed.type}: a key cannot sign ({reason})", remedy) from error


def _missing_keys(role: str, root: Root, metadata: Metadata[Any]) -> UserError:
    wanted = root.roles[role]
    count = len(set(wanted.keyids).intersection(metadata.signatures))
    problem = f"{role}: {count} of the {wanted.threshold} keys that must sign it are here"
    return UserError(problem, "name the others by --key, or put them into the folder of --keys")
