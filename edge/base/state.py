"""The folder for what a user's programs keep between runs."""

import os
from collections.abc import Mapping
from pathlib import Path

from edge.base.errors import UserError


def state_folder(environ: Mapping[str, str] = os.environ, remedy: str = "set XDG_STATE_HOME") -> Path:
    """Return the state folder of this package: in `XDG_STATE_HOME`, or in the home folder; it may not exist yet.

    Args:
        environ: environment variables.
        remedy: what a user without a home folder can do.

    Raises:
        UserError: this user has no home folder, and no other is named.
    """
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / "emotion-edge"
    try:
        return Path.home() / ".local" / "state" / "emotion-edge"
    except RuntimeError as error:
        raise UserError("this user has no home folder to store anything in", remedy) from error
