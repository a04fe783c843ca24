"""Declared options as arguments of argparse, and parsed arguments as typed settings."""

import argparse
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any, TypeVar, get_origin

from edge.app.config import read
from edge.base.options import Setting, build, declared

T = TypeVar("T")


def add_options(parser: argparse.ArgumentParser, settings: type) -> None:
    """Add an argument for each setting that has a flag or a name on the command line, in groups by their titles."""
    groups: dict[str, Any] = {"": parser}
    for setting in declared(settings):
        if not setting.option.flag:
            continue
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        add = groups[setting.group].add_argument
        if setting.option.flag.startswith("-"):
            add(setting.option.flag, dest=setting.name, **_flag(setting))
        else:
            add(setting.name, **_positional(setting))


def typed(settings: type[T], arguments: argparse.Namespace) -> T:
    """Return the settings that parsed arguments mean.

    An option of the command line wins over that of the configuration file, this over that of the environment, and this
    over the default.

    Raises:
        UserError: the configuration file cannot be read, or there are mistakes in it.
    """
    options = {setting.name: setting for setting in declared(settings)}
    parsed = {name: value for name, value in vars(arguments).items() if name in options and value is not None}
    given = {name: _collected(options[name], value) for name, value in parsed.items()}
    return build(settings, environment(settings) | _file(given) | given)


def joined(words: Iterable[str]) -> list[str]:
    """Join flags with times before now, such as `--from -2h`, which argparse would take for a flag."""
    found: list[str] = []
    for word in words:
        if re.fullmatch(r"-\d[\d.]*[a-z]", word) and found and re.fullmatch(r"--[a-z][a-z-]*", found[-1]):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def whole_number(least: int) -> Callable[[str], int]:
    """Return a type for argparse: whole numbers from `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least}")
        return int(text)

    return parse


def described(setting: Setting) -> str:
    """Return the help of a setting with its range and default."""
    default = setting.shown_default
    notes = ", ".join(note for note in (setting.range, default and f"default: {default}") if note)
    return f"{setting.effect} ({notes})" if notes else setting.effect


def environment(settings: type) -> dict[str, Any]:
    """Return the values of settings that environment variables give, by their dotted names."""
    found = [(one, os.environ.get(one.option.variable)) for one in declared(settings) if one.option.variable]
    return {setting.name: setting.parse(word) for setting, word in found if word}


def _file(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the configuration file that arguments name; of a service they are those of its run."""
    named = next((name for name in given if name.split(".")[-1] == "config"), None)
    return {named.removesuffix("config") + name: value for name, value in read(given[named]).items()} if named else {}


def _flag(setting: Setting) -> dict[str, Any]:
    option = setting.option
    keywords: dict[str, Any] = {"help": described(setting), "default": None}
    if setting.kind is bool and setting.optional:
        return keywords | {"action": argparse.BooleanOptionalAction}
    if setting.kind is bool:
        return keywords | {"action": "store_false" if setting.default else "store_true"}
    keywords |= {"metavar": option.metavar, "type": _reader(setting)}
    if option.choices:
        keywords |= {"choices": option.choices}
    if setting.repeated:
        keywords |= {"action": "append"}
    if option.bare is not None:
        keywords |= {"nargs": "?", "const": option.bare}
    if setting.default is MISSING:
        keywords |= {"required": True}
    return keywords


def _positional(setting: Setting) -> dict[str, Any]:
    option = setting.option
    keywords: dict[str, Any] = {
        "help": described(setting),
        "metavar": option.metavar or option.flag,
        "type": _reader(setting),
    }
    if option.choices:
        keywords |= {"choices": option.choices}
    if setting.repeated:
        return keywords | {"nargs": "+"}
    return keywords if setting.default is MISSING else keywords | {"nargs": "?"}


def _reader(setting: Setting) -> Callable[[str], Any]:
    """Return a type for argparse, whose errors say what is wrong with the word."""

    def read(word: str) -> Any:
        try:
            return setting.parse(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _collected(setting: Setting, value: Any) -> Any:
    """Return the value of a setting; argparse collects repeated ones in a list."""
    if not setting.repeated:
        return value
    return dict(value) if get_origin(setting.kind) is Mapping else tuple(value)
