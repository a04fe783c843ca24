"""Settings of a run as a configuration file, and its JSON schema for editors."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING
from operator import attrgetter
from typing import Any, get_origin

from edge.app.config import in_words_of_files
from edge.base.network import masked
from edge.base.options import Setting, declared, own
from edge.base.settings import NOT_IN_FILES, Run
from edge.base.toml import toml_value

WIDTH = 120
"""Longest line of a comment."""

JSON_TYPES: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    tuple: {"type": "array", "items": {"type": "string"}},
    Mapping: {"type": "object"},
}
"""Types of settings in a schema; everything else is written as text."""


def as_toml(run: Run) -> str:
    """Return a configuration file that means a run: each option with its help, commented out if it has no value."""
    return "\n\n".join(_tables(run, declared(Run, NOT_IN_FILES))) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON schema of configuration files."""
    root = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "emotion-edge run"}
    return root | _object(declared(Run, NOT_IN_FILES))


def explained(setting: Setting) -> str:
    """Return the help of a setting in a file, with its unit, range and choices."""
    option = setting.option
    notes = [option.unit and f"in {option.unit}", setting.stored_range, ", ".join(option.choices)]
    return "; ".join([in_words_of_files(option.help), *filter(None, notes)])


def _tables(values: Any, settings: Iterable[Setting], array: str = "") -> Iterator[str]:
    """Yield the tables of a file.

    Args:
        values: instance of a settings class.
        settings: those of its settings that are shown.
        array: dotted name of the array that it is a table of; empty for a whole file.
    """
    lines: dict[str, list[str]] = {"": [f"[[{array}]]"] if array else []}
    arrays = []
    for setting in settings:
        name = ".".join(setting.path[:-1])
        if setting.table:
            arrays.append(setting)
        else:
            header = [f"[{'.'.join(filter(None, (array, name)))}]"]
            lines.setdefault(name, header).append(_entry(setting, attrgetter(setting.name)(values)))
    yield from ("\n".join(rows) for rows in lines.values() if rows)
    for setting in arrays:
        yield from _array(setting, values)


def _array(setting: Setting, outer: Any) -> Iterator[str]:
    """Yield the tables of an array, without what is as in the settings around it; an example where there are none."""
    tables = attrgetter(setting.name)(outer)
    for table in tables:
        yield from _tables(table, own(table, outer), setting.name)
    if not tables:
        alone = [one for one in declared(setting.table) if len(one.path) == 1 and not one.table]
        entries = [_entry(one, None if one.default is MISSING else one.default) for one in alone]
        text = "\n".join([f"[[{setting.name}]]", *entries])
        yield f"{_comment(setting)}\n{re.sub(r'^(?!#)', '#', text, flags=re.MULTILINE)}"


def _comment(setting: Setting) -> str:
    return textwrap.fill(explained(setting), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _entry(setting: Setting, value: Any) -> str:
    stored = None if value is None else setting.stored(value)
    secret = isinstance(stored, str) and masked(stored) != stored
    word = _example(setting) if stored is None else toml_value(masked(stored) if secret else stored)
    return f"{_comment(setting)}\n{'#' * (stored is None or secret)}{setting.path[-1]} = {word}"


def _example(setting: Setting) -> str:
    """Return what a setting without a value could be."""
    if setting.kind in (int, float):
        return str(setting.option.metavar)
    return "true" if setting.kind is bool else toml_value((*setting.option.choices, setting.option.metavar)[0])


def _object(settings: Iterable[Setting]) -> dict[str, Any]:
    """Return the schema of a table."""
    root = _empty_object()
    for setting in settings:
        table = root
        for name in setting.path[:-1]:
            table = table["properties"].setdefault(name, _empty_object())
        table["properties"][setting.path[-1]] = _property(setting)
        if setting.default is MISSING:
            table.setdefault("required", []).append(setting.path[-1])
    return root


def _empty_object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _property(setting: Setting) -> dict[str, Any]:
    if setting.table:
        return {"description": explained(setting), "type": "array", "items": _object(declared(setting.table))}
    kind = get_origin(setting.kind) or setting.kind
    found: dict[str, Any] = {"description": explained(setting)} | JSON_TYPES.get(kind, {"type": "string"})
    if setting.option.choices:
        found["enum"] = list(setting.option.choices)
    if setting.option.bare is not None:
        found = {"description": found["description"], "anyOf": [{"type": "string"}, {"const": True}]}
    found |= {{"ge": "minimum", "le": "maximum"}[end]: limit for end, limit in setting.limits.items()}
    return found if setting.default in (None, MISSING) else found | {"default": setting.stored(setting.default)}
