"""Environments of other packages, made from their locks."""

import logging
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.base.process import ROOT
from edge.base.errors import UserError

log = logging.getLogger(__name__)

PLACE = ROOT / ".venv-peers"
LOCKS = ROOT / "requirements"

BUILD = LOCKS / "build.txt"
"""Lock of the build tools."""

INSTALL_TIMEOUT = 1800
"""Seconds for a download of half a gigabyte."""


def prepare(name: str, lock: Path) -> Path:
    """Return the folder of an environment; it is rebuilt when its lock has changed.

    Only the packages in the lock are installed; other dependencies belong to features that are not measured.
    """
    folder = PLACE / name
    stamp = folder / "lock.txt"
    if stamp.is_file() and stamp.read_text() == lock.read_text():
        return folder
    log.info("peers: setting up %s", name)
    try:
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        # One package is published as source only; it is built with the locked build packages.
        for words in (["-r", str(BUILD)], ["--no-build-isolation", "-r", str(lock)]):
            subprocess.run([*pip, *words], check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        raise UserError(
            f"the environment of {name} could not be made ({told.strip().splitlines()[-1]})",
            f"see to the network and to Python {sys.version_info.major}.{sys.version_info.minor}, or leave peers out",
        ) from error
    stamp.write_text(lock.read_text())
    return folder


def python_of(folder: Path) -> Path:
    """Return the Python interpreter of an environment."""
    return folder / "bin" / "python"


def locked_version(package: str, lock: Path) -> str:
    """Return the version of a package in a lock."""
    for line in lock.read_text().splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version.split()[0]
    raise LookupError(f"{lock}: no {package}")


def bytes_in(folder: Path) -> int:
    """Return the size of all files in a folder and its subfolders, bytes; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
