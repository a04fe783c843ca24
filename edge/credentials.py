"""Credentials for other machines, which come from the environment."""

from urllib.parse import urlsplit

from edge.address import has_credentials, public
from edge.errors import UserError


def refuse_credentials(address: str, user: str, password: str) -> None:
    """Refuse credentials in an address: command lines are there for all to read.

    Args:
        address: as the user gave it.
        user: environment variable that is to hold the user's name instead.
        password: environment variable that is to hold the password.

    Raises:
        UserError: there are some in the address, or it is none; they are not repeated.
    """
    try:
        urlsplit(address)
    except ValueError:
        raise UserError("the address cannot be read", "write it as scheme://host, IPv6 in brackets") from None
    if has_credentials(address):
        raise UserError(
            f"{public(address)}: credentials do not belong on a command line",
            f"leave them out and set {user} and {password}",
        )
