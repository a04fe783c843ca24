"""Credentials for other machines, which come from the environment."""

from urllib.parse import urlsplit

from edge.base.errors import UserError
from edge.base.network import has_credentials, public


def refuse_credentials(address: str, user: str, password: str) -> None:
    """Refuse credentials in an address, because every user of the machine can read command lines.

    Args:
        address: as the user gave it.
        user: environment variable for the user's name.
        password: environment variable for the password.

    Raises:
        UserError: the address has credentials, which the error does not repeat, or cannot be parsed.
    """
    try:
        urlsplit(address)
        if not has_credentials(address):
            return
    except ValueError:
        address = ""
    if "@" not in address:  # a port that is no number, or brackets that do not fit
        raise UserError(
            "the address cannot be read", "write it as scheme://host or scheme://host:port, IPv6 in brackets"
        )
    raise UserError(
        f"{public(address)}: credentials do not belong on a command line",
        f"leave them out and set {user} and {password}",
    )
