"""Tables of options in pages of the documentation: `python -m edge.app.option_tables docs/*.md`.

A page has a table where it has the marks of a command; the text around them stays.
"""

import re
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from edge.app.cli import COMMANDS
from edge.base.files import write_whole
from edge.base.options import Setting, declared
from edge.base.settings import Run

MARKS = re.compile(r"(<!-- options of ([a-z-]+): .*? -->\n)(.*?)(<!-- end of options -->)", re.DOTALL)
"""Beginning, command, table and end."""


def filled(page: str) -> str:
    """Return a page with its tables as they are to be."""
    return MARKS.sub(lambda marks: f"{marks[1]}\n{table(marks[2])}\n\n{marks[4]}", page)


def table(command: str) -> str:
    """Return the options of a command as tables, one a group; those that `run` has, too, are left to its own."""
    settings = COMMANDS[command][0]
    shared = set() if settings is Run else {setting.option.flag for setting in declared(Run)}
    own = [setting for setting in declared(settings) if setting.option.flag.startswith("-")]
    groups = groupby((one for one in own if one.option.flag not in shared), key=lambda setting: setting.group)
    return "\n\n".join(_group(title, members) for title, members in groups)


def _group(title: str, members: Iterable[Setting]) -> str:
    rows = [f"| `{_flags(one)}` | {one.shown_default} | {_meaning(one)} |" for one in members]
    return "\n".join(
        [*([f"**{title.capitalize()}**", ""] if title else []), "| option | default | effect |", "|---|---|---|", *rows]
    )


def _flags(setting: Setting) -> str:
    option = setting.option
    if setting.kind is bool:
        return f"{option.flag}`, `{option.flag.replace('--', '--no-')}" if setting.optional else option.flag
    value = option.metavar or "NAME"
    return f"{option.flag} [{value}]" if option.bare is not None else f"{option.flag} {value}"


def _meaning(setting: Setting) -> str:
    allowed = ", ".join(f"`{choice}`" for choice in setting.option.choices) or setting.range
    return f"{setting.effect}; {allowed}" if allowed else setting.effect


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        before = path.read_text()
        if (after := filled(before)) != before:
            write_whole(path, after)
