"""Addresses of other machines, and what of them may be shown."""

import re

CAMERA_ADDRESS = "EMOTION_EDGE_CAMERA_ADDRESS"
"""Environment variable for the source of a run that names none: an address may have keys in it."""

MASK = "…"
"""Stands for a part that is not shown."""

_PARTS = re.compile(r"([a-z][a-z0-9+.-]*:/+)?([^/?#]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
"""Scheme, credentials and host, path, and query with fragment: every string has these, some of them empty."""

_HOST = re.compile(r"(\[[0-9a-f:.]*(%[\w.%-]+)?\]|[^\[\]:@%\s]*)(:\d*)?[:,;.)'\"]*", re.IGNORECASE)
"""A host with or without a port, and the punctuation of a sentence that may follow it."""

_VALUE_IN_PATH = re.compile(r"/[^/]*(?:=|;\w|%3b|%3d|%3f|%23|%40).*", re.IGNORECASE | re.DOTALL)
"""A path from the first part with values in it, encoded or not: some cameras take credentials there."""

_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]+:/+(?:.*@)?\S*", re.IGNORECASE)
"""An address in a line of text: credentials may have any sign in them, so that it reaches to the last @ at least."""

_LOGIN = re.compile(r"[^\s'\"@/:]+:(?![/\\])[^\s@]*@(?:\S*@)?")
"""User and password without a scheme before them."""


def public(address: str) -> str:
    """Return what of an address may be shown: no credentials, no query, no values in the path.

    Any string will do. Passwords may have unencoded signs in them, so that it can be unclear where credentials end:
    what might belong to them is hidden.
    """
    scheme, authority, path, query = _PARTS.fullmatch(address).groups("")  # type: ignore[union-attr]
    login, at, host = authority.rpartition("@")
    if not _HOST.fullmatch(host):
        host = MASK
    if "@" in path + query:  # of the password, if there is one before it
        host, path = (MASK if login or ":" in host else host), f"/{MASK}"
    return scheme + at * (not login) + host + _VALUE_IN_PATH.sub(f"/{MASK}", path)


def masked(text: str) -> str:
    """Return a text with its addresses as `public` shows them, and without `user:password@` anywhere."""
    return _LOGIN.sub(f"{MASK}@", _IN_TEXT.sub(lambda match: public(match[0]), text))


def has_credentials(address: str) -> bool:
    """Return whether there is a user in an address, or something in the place of the host that may be one."""
    scheme, authority, _, _ = _PARTS.fullmatch(address).groups("")  # type: ignore[union-attr]
    if scheme.lower() == "udp://":
        authority = authority.removeprefix("@")  # as other programs write an address that is listened at
    return "@" in authority or not _HOST.fullmatch(authority)
