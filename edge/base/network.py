"""Network addresses, and their form without credentials."""

import re

CAMERA_ADDRESS = "EMOTION_EDGE_CAMERA_ADDRESS"
"""Environment variable for the address of a run's source: a command line must not hold keys."""

MASK = "…"
"""Replaces a part that is not shown."""

_PARTS = re.compile(r"([a-z][a-z0-9+.-]*:/+)?([^/?#]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
"""Scheme, credentials with host, path, and query with fragment; matches every string, parts may be empty."""

_HOST = re.compile(r"(\[[0-9a-f:.]*(%[\w.%-]+)?\]|[^\[\]:@%\s]*)(:\d*)?[:,;.)'\"]*", re.IGNORECASE)
"""A host with or without a port, and punctuation that may follow it in a sentence."""

_VALUE_IN_PATH = re.compile(r"/[^/]*(?:=|;\w|%3b|%3d|%3f|%23|%40).*", re.IGNORECASE | re.DOTALL)
"""The path from its first part with values, encoded or not; some cameras take credentials there."""

_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]+:/+(?:.*@)?\S*", re.IGNORECASE)
"""An address in a line of text. It reaches at least to the last @, since credentials may have any character."""

_LOGIN = re.compile(r"[^\s'\"@/:]+:(?![/\\])[^\s@]*@(?:\S*@)?")
"""User and password without a scheme before them."""


def public(address: str) -> str:
    """Return an address without credentials, query and values in the path.

    Any string is accepted. Passwords may have unencoded characters, so it can be unclear where credentials end; every
    part that might belong to them is hidden.
    """
    scheme, authority, path, query = _PARTS.fullmatch(address).groups("")  # type: ignore[union-attr]
    login, at, host = authority.rpartition("@")
    if not _HOST.fullmatch(host):
        host = MASK
    if "@" in path + query:  # of the password, if there is one before it
        host, path = (MASK if login or ":" in host else host), f"/{MASK}"
    return scheme + at * (not login) + host + _VALUE_IN_PATH.sub(f"/{MASK}", path)


def masked(text: str) -> str:
    """Return a text with all its addresses as `public` shows them, and without any `user:password@`."""
    return _LOGIN.sub(f"{MASK}@", _IN_TEXT.sub(lambda match: public(match[0]), text))


def has_credentials(address: str) -> bool:
    """Return whether an address has credentials, or a host part that may hold some."""
    scheme, authority, _, _ = _PARTS.fullmatch(address).groups("")  # type: ignore[union-attr]
    if scheme.lower() == "udp://":
        authority = authority.removeprefix("@")  # as other programs write an address that is listened at
    return "@" in authority or not _HOST.fullmatch(authority)
