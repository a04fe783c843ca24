"""The folder for fetched files, also for users without a home folder."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edge.base.errors import UserError
from edge.base.files import nearest_existing

CACHE_VARIABLE = "EMOTION_EDGE_CACHE"
FOLDER_NAME = "emotion-edge"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Choose the cache folder; it may not exist yet.

    The order is `EMOTION_EDGE_CACHE`, `XDG_CACHE_HOME`, `~/.cache`. Users without a writable home folder get a folder
    of their own in the system's temporary folder.

    Raises:
        UserError: that folder in the temporary folder belongs to another user, or others may write to it.
    """
    if named := environ.get(CACHE_VARIABLE):
        return Path(named)
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / FOLDER_NAME
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none
    if home.is_absolute() and _usable(home, folder := home / ".cache" / FOLDER_NAME):
        return folder
    return _temporary_folder()


def _usable(home: Path, folder: Path) -> bool:
    """Return whether `home` exists and `folder` in it can be read or created."""
    if not os.path.isdir(home):  # noqa: PTH112 - Path.is_dir() fails where this user may not read a parent folder
        return False
    nearest = nearest_existing(folder)
    return os.access(nearest, (os.R_OK if nearest == folder else os.W_OK) | os.X_OK)


def _temporary_folder() -> Path:
    """Create the user's folder in the temporary folder; refuse one that another user created under its name."""
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir()) / f"{FOLDER_NAME}{user}"
    remedy = f"name a folder of your own by {CACHE_VARIABLE}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"{folder}: cannot be used as cache ({error.strerror})", remedy) from error
    if user and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise UserError(f"{folder}: is not a folder of this user alone", f"remove it, or {remedy}")
    return folder
