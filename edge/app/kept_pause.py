"""Pauses that outlive the process: a crash or a restart must not turn a camera on that somebody has turned off."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from edge.base.durable import sync_folder, write_through
from edge.base.files import sha256
from edge.base.state import state_folder
from edge.pipeline.faults import Faults
from edge.pipeline.gate import SWITCH, Gate

log = logging.getLogger(__name__)

KEY_LENGTH = 16
"""Digits of a camera's key: a name may have characters that a file's name must not have."""


def keep_pauses(gates: Mapping[str, Gate], faults: Faults) -> None:
    """Pause the cameras that the last run left paused by the switch; keep the switch of each in a file from now on.

    Args:
        gates: of the cameras, by their names.
        faults: records that the state folder cannot be read or written; the pause itself does not depend on it.
    """
    with faults.tolerated("kept pause"):
        folder = state_folder() / "paused"
        for name, gate in gates.items():
            file = folder / sha256(name.encode())[:KEY_LENGTH]
            if file.exists():
                log.warning("%s: stays paused, as the last run left it, until somebody resumes it", name)
                gate.set(SWITCH, True)
            gate.follow(partial(_keep, file, name, gate, faults))


def _keep(file: Path, name: str, gate: Gate, faults: Faults, paused: bool) -> None:
    """Make the file of a paused camera, or remove it; afterwards the disk has the change."""
    with faults.tolerated("kept pause"):
        if (SWITCH in gate.reasons) == file.exists():
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if SWITCH in gate.reasons:
            write_through(file, f"{name}\n".encode())
        else:
            file.unlink()
        sync_folder(file.parent)
