"""Publishing: keys, thresholds, renewal, and what is refused before anything is written."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from edge.fleet import keys, repository
from edge.fleet.archive import pack, unpack

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def metadata(publisher, name):
    """The newest metadata of a role."""
    names = publisher.site.glob(f"metadata/*{name}.json")
    return Metadata.from_file(str(max(names, key=lambda path: path.stat().st_mtime_ns)))


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keys_are_for_their_owner_and_one_a_role(publisher, capsys):
    assert publisher.publish("first") == 0
    found = sorted(publisher.keys.iterdir())
    assert [path.name for path in found] == ["root.pem", "snapshot.pem", "targets.pem", "timestamp.pem"]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    root = metadata(publisher, "root").signed
    assert {key.scheme for key in root.keys.values()} == {"ed25519"}
    assert len({keyid for role in root.roles.values() for keyid in role.keyids}) == 4
    assert "move root.pem to a place that is not connected" in capsys.readouterr().out


def test_keys_that_others_may_read_are_refused(publisher, capsys):
    publisher.publish("first")
    (publisher.keys / "targets.pem").chmod(0o640)
    before = tree(publisher.site)
    assert publisher.publish("second") == 2
    assert "targets.pem: others may read this key: run 'chmod 600" in capsys.readouterr().err
    assert tree(publisher.site) == before


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_other_files_are_no_keys(publisher, capsys, content):
    publisher.publish("first")
    (publisher.keys / "other.pem").write_bytes(content)
    (publisher.keys / "other.pem").chmod(0o600)
    assert publisher.publish("second") == 2
    assert "other.pem: holds no key that can sign" in capsys.readouterr().err


def test_keys_in_the_repository_would_be_served(publisher, capsys):
    publisher.keys = publisher.site / "keys"
    assert publisher.publish("first") == 2
    assert "would be served to everybody" in capsys.readouterr().err
    assert not publisher.site.exists()


def test_between_releases_the_root_key_is_elsewhere(publisher):
    publisher.publish("first")
    (publisher.keys / "root.pem").unlink()
    assert publisher.publish("second") == 0
    assert publisher.publish() == 0


def test_the_timestamp_is_renewed_by_its_key_alone(publisher):
    publisher.publish("first")
    for role in ("root", "targets", "snapshot"):
        (publisher.keys / f"{role}.pem").unlink()
    before = tree(publisher.site)
    assert publisher.publish(None, "--valid-days", "7") == 0
    assert {path.name for path, content in tree(publisher.site).items() if before.get(path) != content} == {
        "timestamp.json"
    }
    left = metadata(publisher, "timestamp").signed.expires - datetime.now(UTC)
    assert timedelta(days=6) < left <= timedelta(days=7)


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_a_missing_key_is_named_and_nothing_is_written(publisher, capsys, role):
    publisher.publish("first")
    (publisher.keys / f"{role}.pem").unlink()
    before = tree(publisher.site)
    assert publisher.publish("second") == 2
    assert f"{role}: 0 of the 1 keys that must sign it are here" in capsys.readouterr().err
    assert tree(publisher.site) == before


def test_what_is_past_half_of_its_time_is_signed_again(publisher, monkeypatch):
    class Past(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) - timedelta(days=200)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "datetime", Past)
        publisher.publish("first")
    assert publisher.publish() == 0
    left = [metadata(publisher, role).signed.expires - datetime.now(UTC) for role in ("root", "targets", "snapshot")]
    assert min(left) > timedelta(days=360)


def test_a_threshold_of_the_root(publisher, board, capsys):
    publisher.publish("first")
    assert board.update() == 0
    new = [str(publisher.folder / f"{name}.pem") for name in "abc"]
    options = [word for key in new for word in ("--new-key", key)]
    assert publisher.rotate("root", *options, "--threshold", "4") == 2
    assert "4 signatures want as many keys" in capsys.readouterr().err
    assert publisher.rotate("root", *options, "--threshold", "2") == 0
    assert publisher.rotate("targets", "--key", new[0]) == 2, "one root key of the two"
    assert "root: 1 of the 2 keys that must sign it are here" in capsys.readouterr().err
    assert publisher.rotate("targets", "--key", new[0], "--key", new[2]) == 0
    publisher.publish("second")
    assert board.update() == 0


def test_a_stolen_key_is_of_no_use_after_it_was_replaced(publisher, board, capsys):
    publisher.publish("first")
    board.update()
    stolen, site = publisher.folder / "stolen", publisher.folder / "copy"
    shutil.copytree(publisher.keys, stolen)
    shutil.copytree(publisher.site, site)
    publisher.rotate("targets")
    publisher.rotate("timestamp")
    assert board.update() == 0
    (stolen / "root.pem").unlink()
    for name in ("2.root.json", "3.root.json"):
        shutil.copyfile(publisher.site / "metadata" / name, site / "metadata" / name)
    publisher.keys, publisher.site = stolen, site
    assert publisher.publish("evil") == 2
    assert "0 of the 1 keys" in capsys.readouterr().err


def test_rotation_needs_a_repository(publisher, capsys):
    assert publisher.rotate("targets") == 2
    assert "no repository is there: 'emotion-edge publish' makes one" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"{", b"[]"])
def test_a_damaged_repository_is_refused(publisher, capsys, damage):
    publisher.publish("first")
    (publisher.site / "metadata" / "1.targets.json").write_bytes(damage)
    assert publisher.publish("second") == 2
    assert "1.targets.json: is damaged" in capsys.readouterr().err


def test_what_a_killed_publisher_has_left_is_overwritten(publisher, board):
    publisher.publish("first")
    (publisher.site / "metadata" / "2.targets.json").write_text("half")
    assert publisher.publish("second") == 0
    assert board.update() == 0


def test_one_publisher_at_a_time(publisher, capsys):
    publisher.publish("first")
    with repository.opened(publisher.site, keys.signers(publisher.keys, ()), 30):
        assert publisher.publish("second") == 2
    assert "another process is publishing" in capsys.readouterr().err


def test_the_archive_depends_on_the_bundle_alone(publisher, tmp_path):
    bundle = publisher.bundle("first")
    before = pack(bundle)
    os.utime(bundle / "manifest.json", (0, 0))
    (bundle / "manifest.json").chmod(0o600)
    assert pack(bundle) == before
    (tmp_path / "archive").write_bytes(before)
    (tmp_path / "again").mkdir()
    unpack(tmp_path / "archive", tmp_path / "again")
    assert tree(tmp_path / "again") == tree(bundle)


@pytest.mark.skipif(
    not (SOFTHSM.exists() and shutil.which("pkcs11-tool")), reason="softhsm2 and opensc are not installed"
)
def test_a_root_key_in_a_pkcs11_module(publisher, board, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pkcs11")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    token = ["softhsm2-util", "--init-token", "--free", "--label", "fleet", "--pin", "1234", "--so-pin", "1234"]
    key = ["pkcs11-tool", "--module", str(SOFTHSM), "--token-label", "fleet", "--login", "--pin", "1234"]
    key += ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "root"]
    for command in (token, key):
        subprocess.run(command, check=True, capture_output=True)
    publisher.publish("first")
    board.update()
    monkeypatch.setenv("PYKCS11LIB", str(SOFTHSM))
    monkeypatch.setattr(keys.sys.stdin, "isatty", lambda: False, raising=False)
    keys.pin.cache_clear()
    name = "hsm:2?label=fleet"
    assert publisher.rotate("root", "--new-key", name) == 2
    assert "wants a PIN: set EMOTION_EDGE_PKCS11_PIN" in capsys.readouterr().err
    keys.pin.cache_clear()
    monkeypatch.setenv(keys.PIN, "4321")
    assert publisher.rotate("root", "--new-key", name) == 2
    assert "a key cannot sign (PinIncorrect): check that" in capsys.readouterr().err
    keys.pin.cache_clear()
    monkeypatch.setenv(keys.PIN, "1234")
    assert publisher.rotate("root", "--new-key", name) == 0
    (publisher.keys / "root.pem").unlink()
    assert publisher.rotate("targets", "--key", name) == 0
    assert publisher.publish("second") == 0
    assert board.update() == 0
    assert json.loads((board.current / "manifest.json").read_text())["name"] == "second"
    assert publisher.rotate("targets", "--key", "hsm:9?label=fleet") == 2
    assert "hsm:9?label=fleet: cannot be used" in capsys.readouterr().err
    keys.pin.cache_clear()
