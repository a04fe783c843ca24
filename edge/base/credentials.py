"""Credentials for other machines, which come from the environment."""

import os
from urllib.parse import urlsplit

from edge.base.errors import UserError
from edge.base.network import has_credentials, public

CAMERA_USER, CAMERA_PASSWORD = "EMOTION_EDGE_CAMERA_USER", "EMOTION_EDGE_CAMERA_PASSWORD"
"""Environment variables for a camera's credentials, since every user of the machine can read command lines."""

MQTT_USER, MQTT_PASSWORD, MQTT_PASSWORD_FILE = (
    f"EMOTION_EDGE_MQTT_{name}" for name in ("USER", "PASSWORD", "PASSWORD_FILE")
)
"""Environment variables for a broker's; the file is for secrets that systemd or Docker provide."""


def camera_credentials(camera: str = "") -> tuple[str, str] | None:
    """Return user and password for a camera: those of its name where there are some, else those of all cameras.

    Args:
        camera: its name, which is appended in capitals: `EMOTION_EDGE_CAMERA_USER_PORCH`; empty for a run's only one.
    """
    for ending in (variable_ending(camera), ""):
        if user := os.environ.get(CAMERA_USER + ending):
            return user, os.environ.get(CAMERA_PASSWORD + ending, "")
    return None


def variable_ending(camera: str) -> str:
    """Return the ending of the environment variables of a named camera."""
    return f"_{camera.upper().replace('-', '_')}" if camera else ""


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
