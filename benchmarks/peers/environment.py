"""Makes a peer's environment from its lock, once."""

import logging
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.process import ROOT
from edge.errors import UserError

log = logging.getLogger(__name__)

PLACE = ROOT / ".venv-peers"

TIME_OUT = 1800
"""Seconds for a download of half a gigabyte."""


def prepare(name: str) -> Path:
    """The Python of a peer's environment, made anew when its lock has changed.

    Raises:
        UserError: it cannot be made.
    """
    lock, folder = ROOT / "requirements" / f"peer-{name}.txt", PLACE / name
    python, stamp = folder / "bin" / "python", folder / "lock.txt"
    if stamp.is_file() and stamp.read_text() == lock.read_text():
        return python
    log.info("peers: setting up %s", name)
    try:
        venv.create(folder, clear=True, with_pip=True)
        # Dependencies of a peer that are not in its lock are those of features that are not measured.
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(lock)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIME_OUT)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        raise UserError(
            f"the environment of {name} could not be made ({told.strip().splitlines()[-1]})",
            f"see to the network and to Python {sys.version_info.major}.{sys.version_info.minor}, or leave peers out",
        ) from error
    stamp.write_text(lock.read_text())
    return python
