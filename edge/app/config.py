"""Configuration files of a run: TOML with the names of its settings."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge.base.errors import UserError
from edge.base.options import Mistake, build, declared, from_mapping
from edge.base.settings import NOT_IN_FILES, Run

NO_SECRETS = "secrets do not belong in a file"

ABSENT = {
    "token": (NO_SECRETS, "set EMOTION_EDGE_WEB_TOKEN"),
    "password": (NO_SECRETS, "set EMOTION_EDGE_CAMERA_PASSWORD, or EMOTION_EDGE_MQTT_PASSWORD for a broker"),
}
"""Names that users may expect, with problem and remedy."""


def read(path: Path) -> dict[str, Any]:
    """Return the values of a configuration file, by the dotted names of a run's settings.

    Raises:
        UserError: it cannot be read, or there are mistakes in it.
    """
    text = _text(path)
    values, mistakes = from_mapping(Run, _parsed(path, text), NOT_IN_FILES)
    if mistakes:
        first, *others = _located(path, text, mistakes)
        if others:
            problem = f"{first.problem} ({len(others)} more mistakes)"
            raise UserError(problem, f"{first.remedy}; 'emotion-edge config check {path}' shows all")
        raise first
    return values


def mistakes(path: Path) -> list[UserError]:
    """Return the mistakes of a configuration file, in the order of its lines.

    Raises:
        UserError: it cannot be read, or is not TOML.
    """
    text = _text(path)
    return _located(path, text, from_mapping(Run, _parsed(path, text), NOT_IN_FILES)[1])


def from_file(path: Path) -> Run:
    """Return the run of a configuration file alone.

    Raises:
        UserError: it cannot be read, or there are mistakes in it.
    """
    return build(Run, read(path))


def in_file(path: Path, errors: Iterable[UserError]) -> list[UserError]:
    """Return errors about flags as errors about the options of a file, with the line of the first that is in it."""
    where = lines(_text(path))
    found = []
    for error in errors:
        problem = in_words_of_files(error.problem)
        line = next(
            (f":{where[name]}" for name in re.findall(r"[a-z_]+(?:\[\d+\])?\.[a-z_.]+", problem) if name in where), ""
        )
        found.append(UserError(f"{path}{line}: {problem}", in_words_of_files(error.remedy)))
    return found


def in_words_of_files(text: str) -> str:
    """Return a text about flags as one about the options of a file."""
    names = {setting.option.flag: setting.name for setting in declared(Run, NOT_IN_FILES)}
    return re.sub(r"--[a-z][a-z-]*", lambda flag: names.get(flag[0], flag[0]), text)


def lines(text: str) -> dict[str, int]:
    """Return the line, from 1, of each table and option in a TOML file, by its dotted name.

    The tables of an array have their numbers from 1, as in `camera[2].source`.
    """
    found: dict[str, int] = {}
    rows, begin = text.replace("\r\n", "\n").split("\n"), 0
    for end in range(1, len(rows) + 1):
        try:
            statement = tomllib.loads("\n".join(rows[begin:end]))
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        for name in _names(tomllib.loads("\n".join(rows[:end]))) if statement else ():
            found.setdefault(name, begin + 1)
        begin = end
    return found


def _names(statement: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in statement.items():
        yield prefix + key
        if isinstance(value, Mapping):
            yield from _names(value, f"{prefix}{key}.")
        for number, item in enumerate(value, 1) if isinstance(value, list) else ():
            if isinstance(item, Mapping):
                yield from _names({f"{key}[{number}]": item}, prefix)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror})", "name a file that exists and can be read"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text", "save it as UTF-8") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{path}: is not valid TOML ({error})", "correct it; docs/configuration.md has an example"
        ) from error


def _located(path: Path, text: str, mistakes: Iterable[Mistake]) -> list[UserError]:
    """Return mistakes with their lines, in the order of these."""
    where = lines(text)
    known = [_better(mistake) for mistake in mistakes]
    known.sort(key=lambda mistake: where[mistake.name])
    return [UserError(f"{path}:{where[one.name]}: {one.name}: {one.problem}", one.remedy) for one in known]


def _better(mistake: Mistake) -> Mistake:
    absent = ABSENT.get(mistake.name.split(".")[-1])
    return Mistake(mistake.name, *absent) if absent else mistake
