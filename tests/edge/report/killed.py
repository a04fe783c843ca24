"""Processes of an analysis that end in the middle of a video."""

from pathlib import Path

HOOK = """
import os, signal
from edge.report.excerpt import ExcerptSource
read = ExcerptSource.read
def killing(self):
    if self.name == {name!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(self)
ExcerptSource.read = killing
"""


def killed_by(name: str, folder: Path) -> Path:
    """A new folder for PYTHONPATH, by which each process that reads the video of this name ends."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK.format(name=name))
    return hooks
