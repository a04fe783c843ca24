"""Runs in processes of their own that read a pipe."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def piped_run(folder: Path, bundle: Path, content: bytes, *words: str) -> subprocess.Popen:
    """A run of what comes by its pipe, which has begun with `content` and stays open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "run", "-", "--no-window", "--model", str(bundle), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdin
    process.stdin.write(content)
    process.stdin.flush()
    return process
