"""The rating of the service's rights by systemd-analyze, as a page."""

import json
import os
import subprocess
from pathlib import Path

import plain_page

from edge.app.systemd import UNIT, unit_text

RATING_COMMAND = ("systemd-analyze", "security", "--offline=yes", "--no-pager")
PLAIN_OUTPUT = os.environ | {"SYSTEMD_EMOJI": "0"}
OLDEST_SYSTEMD = 252
"""Version of systemd in Debian 12."""


def page(folder: Path) -> str:
    """Write a unit into the folder, and return a page with the rights that it keeps and how much each exposes."""
    (folder / UNIT.name).write_text(unit_text(["/usr/bin/python3", "-m", "edge", "run"], [], None, OLDEST_SYSTEMD))
    rights = json.loads(_output(folder, "--json=short"))
    kept = sorted((right for right in rights if right["exposure"]), key=lambda right: -float(right["exposure"]))
    verdict = _output(folder).strip().splitlines()[-1]
    return plain_page.page(
        plain_page.heading(f"{' '.join(RATING_COMMAND[:2])} {UNIT.name}"),
        plain_page.table((right["name"], right["description"], right["exposure"]) for right in kept),
        plain_page.lines([verdict]),
    )


def _output(folder: Path, *options: str) -> str:
    command = [*RATING_COMMAND, *options, UNIT.name]
    done = subprocess.run(command, cwd=folder, env=PLAIN_OUTPUT, check=True, capture_output=True, text=True)
    return done.stdout
