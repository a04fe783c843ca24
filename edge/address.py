"""Addresses of other machines, and what of them may be shown."""

from urllib.parse import urlsplit, urlunsplit

from edge.errors import UserError


def refuse_credentials(address: str, user: str, password: str) -> None:
    """Credentials are not for command lines, which are there for all to read.

    Args:
        address: as the user gave it.
        user: environment variable that is to hold the user's name instead.
        password: environment variable that is to hold the password.

    Raises:
        UserError: there are some in the address, or it is none; they are not repeated.
    """
    try:
        place = urlsplit(address).netloc
    except ValueError:
        raise UserError("the address cannot be read", "write it as scheme://host, IPv6 in brackets") from None
    if "@" in place:
        raise UserError(
            f"{public(address)}: credentials do not belong on a command line",
            f"leave them out and set {user} and {password}",
        )


def public(address: str) -> str:
    """The address as it may be shown: queries carry keys, too."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
