"""Options as data: what settings classes declare; read from words and from files, and written as words again.

A settings class is a frozen dataclass. Each of its fields is another settings class, or `Annotated` with an `Option`,
and a range as `msgspec.Meta`. All of them are in `edge.base.settings`.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from edge.base.errors import UserError
from edge.base.values import parse_path

T = TypeVar("T")

MILLISECONDS = "-ms"
"""Ending of the flags that take milliseconds; the settings themselves are in seconds."""

OMITTED = "omitted"
"""Key in the metadata of a field that is a settings class: names of settings in it that are not offered."""


@dataclass(frozen=True)
class Option:
    """Description of a setting for its users.

    Attributes:
        help: one phrase; of something that is on by default and that the flag turns off, what it does.
        flag: on the command line: `--threads`, or the name of an argument that has no flag; empty for neither.
        metavar: name of the value.
        unit: of the value in the settings.
        choices: the values, where only some are allowed.
        default: words for a default that depends on other things.
        bare: value of a flag that stands alone.
        variable: environment variable with the command line's default.
        read: makes the value from a word, where the type is no number, path or string; raises ValueError.
        write: makes the word from a value.
    """

    help: str
    flag: str = ""
    metavar: str | None = None
    _: KW_ONLY
    unit: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    bare: Any = None
    variable: str = ""
    read: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Setting:
    """One declared setting.

    Attributes:
        path: names of the fields that lead to it.
        type: with its range.
        option: its description.
        default: `dataclasses.MISSING` where there is none.
        group: title of the options that it belongs to; empty for none.
    """

    path: tuple[str, ...]
    type: Any
    option: Option
    default: Any
    group: str

    @property
    def name(self) -> str:
        """The path with dots, as files and errors give it."""
        return ".".join(self.path)

    @property
    def kind(self) -> Any:
        """The type without range and None."""
        return _kind(self.type)

    @property
    def optional(self) -> bool:
        """Return whether None is a value."""
        return NoneType in get_args(get_args(self.type)[0])

    @property
    def repeated(self) -> bool:
        """Return whether there may be several values, each a word of its own."""
        return get_origin(self.kind) in (tuple, Mapping)

    @property
    def effect(self) -> str:
        """The help of the flag, which may turn something off."""
        return f"do not {self.option.help}" if self.kind is bool and self.default is True else self.option.help

    @property
    def range(self) -> str:
        """The range in words, in units of the flag; empty where there is none."""
        return self._range(self._scale)

    @property
    def shown_default(self) -> str:
        """The default in words; empty where there is none to tell."""
        if self.option.default or self.kind is bool or self.default in (MISSING, None, (), {}):
            return self.option.default
        return self.words(self.default)[0]

    def parse(self, word: str) -> Any:
        """Return the value that a word of the command line means; of a repeated setting, one of its values.

        Raises:
            ValueError: it means none, or one out of range.
        """
        if read := self._read:
            return read(word)
        if self.kind not in (int, float):
            return word
        try:
            number = msgspec.convert(word, self.kind, strict=False)
        except msgspec.ValidationError:
            number = math.nan
        return self._checked(number / self._scale if self.kind is float else number, word, self._scale)

    def words(self, value: Any) -> list[str]:
        """Return the words that `parse` makes the value from."""
        if self.kind is float:
            return [f"{value * self._scale:.10g}"]
        items = (value.items() if isinstance(value, Mapping) else value) if self.repeated else [value]
        return [self.option.write(item) for item in items]

    def convert(self, value: Any) -> Any:
        """Return the value that one from a file means: a word, or what is of the type already.

        Raises:
            ValueError: it means none, or one out of range.
        """
        if value is True and self.option.bare is not None:
            return self.option.bare
        if read := self._read:
            if get_origin(self.kind) is tuple and not isinstance(value, str):
                return tuple(map(read, msgspec.convert(value, list[str])))
            if isinstance(value, str):
                return read(value)
        return self._checked(value, repr(value), 1)

    @property
    def _scale(self) -> int:
        return 1000 if self.option.flag.endswith(MILLISECONDS) else 1

    @property
    def _read(self) -> Callable[[str], Any] | None:
        item = get_args(self.kind)[0] if self.repeated else self.kind
        return self.option.read or (parse_path if item is Path else None)

    def _checked(self, value: Any, shown: str, scale: int) -> Any:
        try:
            if (isinstance(value, float) and not math.isfinite(value)) or value not in (self.option.choices or [value]):
                raise msgspec.ValidationError
            return msgspec.convert(value, self.type)
        except msgspec.ValidationError as error:
            raise ValueError(f"{shown} is not {' '.join([self._wanted, self._range(scale)]).strip()}") from error

    @property
    def _wanted(self) -> str:
        if self.option.choices:
            return f"one of {', '.join(self.option.choices)}"
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        return kinds.get(self.kind) or f"written as {self.option.metavar}"

    def _range(self, scale: int) -> str:
        limits = _annotations(self.type, msgspec.Meta)
        ends = [(word, getattr(limit, end)) for limit in limits for word, end in (("from", "ge"), ("to", "le"))]
        return " ".join(f"{word} {value * scale:g}" for word, value in ends if value is not None)


def declared(settings: type, without: Collection[str] = ()) -> list[Setting]:
    """Return the settings that a class declares, in order, also those of the classes in it.

    Args:
        settings: the class.
        without: dotted names to leave out.
    """
    return [setting for setting in _declared(settings, (), None, "") if setting.name not in without]


def build(settings: type[T], values: Mapping[str, Any]) -> T:
    """Return settings with some values by their dotted names, and the defaults of the others."""
    return _built(settings, values, "", None)


def from_mapping(settings: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return the settings that nested names and values mean, as a configuration file has them.

    Args:
        settings: the class.
        values: by the names of fields; those of a settings class in it are a mapping again.
        where: they were read from, for errors.

    Raises:
        UserError: a name is unknown or missing, or a value is of another type or out of range.
    """
    known = {setting.name: setting for setting in declared(settings)}
    found = {}
    for name, value in _flat(values, known):
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise UserError(f"{where}: {name}: no such setting", f"write {near[0]}" if near else "leave it out")
        try:
            found[name] = known[name].convert(value)
        except (ValueError, msgspec.ValidationError) as error:
            raise UserError(f"{where}: {name}: {error}", f"it is: {known[name].option.help}") from error
    for name, setting in known.items():
        if setting.default is MISSING and name not in found:
            raise UserError(f"{where}: {name} is missing", f"add it: {setting.option.help}")
    return build(settings, found)


def words(settings: Any, without: Collection[str] = ()) -> list[str]:
    """Return the words of a command line that means these settings; flags at their defaults are left out.

    Args:
        settings: an instance of a settings class.
        without: dotted names to leave out.
    """
    found: list[str] = []
    for setting in declared(type(settings), without):
        value, flag = attrgetter(setting.name)(settings), setting.option.flag
        if not flag.startswith("-"):
            found += setting.words(value) if flag else []
        elif value != setting.default:
            found += _flagged(setting, value)
    return found


def _flagged(setting: Setting, value: Any) -> list[str]:
    flag = setting.option.flag
    if setting.kind is bool:
        return [flag if value or not setting.optional else flag.replace("--", "--no-")]
    # A word that looks like a flag would be taken for one.
    return [
        part
        for word in setting.words(value)
        for part in ([f"{flag}={word}"] if word.startswith("-") and word != "-" else [flag, word])
    ]


def _declared(settings: Any, path: tuple[str, ...], defaults: Any, group: str) -> Iterator[Setting]:
    for field in fields(settings):
        here, default = (*path, field.name), _default(field, defaults)
        title = _title(settings, field.name) or group
        if is_dataclass(field.type):
            omitted = field.metadata.get(OMITTED, ())
            inner = _declared(field.type, here, default, title)
            yield from (setting for setting in inner if ".".join(setting.path[len(here) :]) not in omitted)
        else:
            (option,) = _annotations(field.type, Option)
            yield Setting(here, field.type, option, default, title)


def _built(settings: Any, values: Mapping[str, Any], prefix: str, defaults: Any) -> Any:
    given = {}
    for field in fields(settings):
        name = prefix + field.name
        if is_dataclass(field.type):
            given[field.name] = _built(field.type, values, f"{name}.", _default(field, defaults))
        elif name in values:
            given[field.name] = values[name]
    return settings(**given) if defaults is None else replace(defaults, **given)


def _default(field: Field[Any], defaults: Any) -> Any:
    """Return the default of a field, which is that of `defaults` where there is such an instance."""
    if defaults is not None:
        return getattr(defaults, field.name)
    return field.default if field.default_factory is MISSING else field.default_factory()


def _title(settings: type, name: str) -> str:
    """Return the title of the class that declares a field, which may be a base class."""
    owner = next(base for base in reversed(settings.__mro__) if name in vars(base).get("__annotations__", {}))
    return str(vars(owner).get("title", ""))


def _kind(annotation: Any) -> Any:
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kind(parts[0])
    return _kind(next(part for part in parts if part is not NoneType)) if NoneType in parts else annotation


def _annotations(annotation: Any, wanted: type[T]) -> Iterator[T]:
    for part in get_args(annotation):
        if isinstance(part, wanted):
            yield part
        else:
            yield from _annotations(part, wanted)


def _flat(values: Mapping[str, Any], known: Mapping[str, Setting], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and prefix + key not in known:
            yield from _flat(value, known, f"{prefix}{key}.")
        else:
            yield prefix + key, value
