"""Keys that sign a repository: Ed25519 in files that only their owner may read, or ECDSA in a PKCS#11 module."""

import getpass
import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import Error, UnsupportedLibraryError
from securesystemslib.signer import CryptoSigner, HSMSigner, Signer

from edge.base.errors import UserError
from edge.base.files import read_regular, unreadable

PIN = "EMOTION_EDGE_PKCS11_PIN"
"""Environment variable with the PIN of the PKCS#11 module; without it, the terminal is asked."""

LARGEST_KEY = 1 << 14
"""Largest size of a key's file, bytes."""

MODULE = f"{HSMSigner.SCHEME}:"
"""Beginning of the names of keys in a PKCS#11 module: `hsm:2?label=TOKEN`."""


def signers(folder: Path, named: Iterable[str]) -> list[Signer]:
    """Return the signers of all keys in a folder, and of those that are named.

    Raises:
        UserError: others may read a key, or it cannot be used.
    """
    return [*map(_from_file, sorted(folder.glob("*.pem"))), *map(signer, named)]


def signer(name: str) -> Signer:
    """Return the signer of a key: the file of one, which is made where it is missing, or `hsm:ID?label=TOKEN`.

    Raises:
        UserError: others may read the file, or the key cannot be used.
    """
    return _from_module(name) if name.startswith(MODULE) else made_or_read(Path(name))


def made_or_read(path: Path) -> Signer:
    """Return the signer of a file; a new Ed25519 key is written to one that is missing.

    Raises:
        UserError: others may read it, or it cannot be used or written.
    """
    if path.exists():
        return _from_file(path)
    made = CryptoSigner.generate_ed25519()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created with its mode: if that were changed later, others could read it in between.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made.private_bytes)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: no key can be kept there ({error.strerror})", "name another place") from error
    return made


def _from_file(path: Path) -> Signer:
    try:
        if path.stat().st_mode & 0o077:
            raise UserError(f"{path}: others may read this key", f"run 'chmod 600 {path}', or replace the key")
        return CryptoSigner(load_pem_private_key(read_regular(path, LARGEST_KEY), None))
    except OSError as error:
        raise unreadable(path, error, "name the file of a key") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: holds no key that can sign", "name a file that 'publish' has made") from error


def _from_module(name: str) -> Signer:
    try:
        parts = urlsplit(name)
        label = parse_qs(parts.query).get("label", [None])[0]
        uri, public = HSMSigner.import_(int(parts.path or HSMSigner.SCHEME_KEYID), label, pin)
        return Signer.from_priv_key_uri(uri, public, pin)
    except UnsupportedLibraryError as error:
        raise UserError("python-pkcs11 is not installed", "run \"pip install 'securesystemslib[hsm]'\"") from error
    except (ValueError, Error) as error:
        raise _unusable(name, error) from error
    except Exception as error:
        if not type(error).__module__.startswith("pkcs11"):
            raise
        raise _unusable(name, error) from error


def _unusable(name: str, error: Exception) -> UserError:
    remedy = "set PYKCS11LIB to the module's library, and write the key as hsm:ID?label=TOKEN"
    return UserError(f"{name}: cannot be used ({error or type(error).__name__})", remedy)


@cache
def pin(secret: str) -> str:
    """Return the PIN of the PKCS#11 module; the terminal is asked once.

    Raises:
        UserError: there is neither the variable nor a terminal.
    """
    if given := os.environ.get(PIN):
        return given
    if not sys.stdin.isatty():
        raise UserError("the PKCS#11 module wants a PIN", f"set {PIN}")
    return getpass.getpass("PIN of the PKCS#11 module: ")
