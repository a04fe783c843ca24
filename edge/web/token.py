"""The token for clients on other machines."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from edge.base.errors import UserError
from edge.base.state import state_folder

VARIABLE = "EMOTION_EDGE_WEB_TOKEN"
SHORTEST = 16
"""Least characters of a token that a user chooses."""


def own_token(environ: Mapping[str, str]) -> str | None:
    """Return the token in the environment, or None.

    Raises:
        UserError: it is too short, or has characters that a header cannot carry.
    """
    token = environ.get(VARIABLE, "").strip()
    if token and len(token) < SHORTEST:
        raise UserError(f"{VARIABLE} has {len(token)} characters", f"give it {SHORTEST} or more, or unset it")
    if not (token.isascii() and token.isprintable()):
        remedy = "give it printable ASCII characters, and no line breaks"
        raise UserError(f"{VARIABLE} has characters that HTTP headers do not allow", remedy)
    return token or None


def kept_token(environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return the token of the user's state folder, made at the first call, and whether it was just made.

    Raises:
        UserError: others can read the file, or it cannot be read or written.
    """
    path = token_file(environ)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _made(path), True
        except FileExistsError:
            return _read(path), False
    except OSError as error:
        raise UserError(f"{path}: the token cannot be stored here ({error.strerror})", f"set {VARIABLE}") from error


def token_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the token.

    Raises:
        UserError: this user has no home folder, and no other is named.
    """
    return state_folder(environ, f"set {VARIABLE}") / "web-token"


def _made(path: Path) -> str:
    token = secrets.token_urlsafe(24)
    # Created with its mode: if that were changed later, others could read it in between.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path}: others can read the token", "remove the file; a new one is made")
    token = path.read_text().strip()
    if len(token) < SHORTEST:
        raise UserError(f"{path}: holds no token", "remove the file; a new one is made")
    return token
