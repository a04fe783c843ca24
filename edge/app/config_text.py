"""Settings of a run as a configuration file, and its JSON schema for editors."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, get_origin

from edge.app.config import in_words_of_files
from edge.base.network import masked
from edge.base.options import Setting, declared
from edge.base.settings import NOT_IN_FILES, Run
from edge.base.toml import toml_value

WIDTH = 120
"""Longest line of a comment."""

TYPES: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    tuple: {"type": "array", "items": {"type": "string"}},
    Mapping: {"type": "object"},
}
"""Types of settings in a schema; everything else is written as text."""


def as_toml(run: Run) -> str:
    """Return a configuration file that means a run: each option with its help, commented out if it has no value."""
    tables: dict[str, list[str]] = defaultdict(list)
    for setting in declared(Run, NOT_IN_FILES):
        tables[".".join(setting.path[:-1])].append(_entry(setting, attrgetter(setting.name)(run)))
    return "\n\n".join(["\n".join([f"[{name}]"] * bool(name) + lines) for name, lines in tables.items()]) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON schema of configuration files."""
    root = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "emotion-edge run"} | _object()
    for setting in declared(Run, NOT_IN_FILES):
        table = root
        for name in setting.path[:-1]:
            table = table["properties"].setdefault(name, _object())
        table["properties"][setting.path[-1]] = _property(setting)
    return root


def explained(setting: Setting) -> str:
    """Return the help of a setting in a file, with its unit, range and choices."""
    option = setting.option
    notes = [option.unit and f"in {option.unit}", setting.stored_range, ", ".join(option.choices)]
    return "; ".join([in_words_of_files(option.help), *filter(None, notes)])


def _entry(setting: Setting, value: Any) -> str:
    comment = textwrap.fill(explained(setting), WIDTH, initial_indent="# ", subsequent_indent="# ")
    stored = None if value is None else setting.stored(value)
    secret = isinstance(stored, str) and masked(stored) != stored
    word = _example(setting) if stored is None else toml_value(masked(stored) if secret else stored)
    return f"{comment}\n{'#' * (stored is None or secret)}{setting.path[-1]} = {word}"


def _example(setting: Setting) -> str:
    """Return what a setting without a value could be."""
    if setting.kind in (int, float):
        return str(setting.option.metavar)
    return "true" if setting.kind is bool else toml_value((*setting.option.choices, setting.option.metavar)[0])


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _property(setting: Setting) -> dict[str, Any]:
    kind = get_origin(setting.kind) or setting.kind
    found: dict[str, Any] = {"description": explained(setting)} | TYPES.get(kind, {"type": "string"})
    if setting.option.choices:
        found["enum"] = list(setting.option.choices)
    if setting.option.bare is not None:
        found = {"description": found["description"], "anyOf": [{"type": "string"}, {"const": True}]}
    found |= {{"ge": "minimum", "le": "maximum"}[end]: limit for end, limit in setting.limits.items()}
    return found if setting.default is None else found | {"default": setting.stored(setting.default)}
