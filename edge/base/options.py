"""Options as data: what settings classes declare; read from words and from files, and written as words again.

A settings class is a frozen dataclass. Each of its fields is another settings class, or `Annotated` with an `Option`,
and a range as `msgspec.Meta`. All of them are in `edge.base.settings`.

`Annotated[tuple[SettingsClass, ...], Option(…)]` is an array of tables of a file, `[[name]]`, and is not on the command
line. A settings class in such a table that the surrounding class has under the same name takes its defaults from there,
if it is declared before.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from edge.base.network import masked
from edge.base.toml import toml_value
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
        credentials: environment variables for user and password, of an address.
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
    credentials: tuple[str, ...] = ()
    read: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Mistake:
    """Mistake in a configuration file.

    Attributes:
        name: of the setting, with dots, as the file has it.
        problem: what is wrong.
        remedy: what to do about it, in the imperative.
    """

    name: str
    problem: str
    remedy: str


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
    def table(self) -> Any:
        """The settings class of each table, where there may be several tables; None for all other settings."""
        return _table(self.type)

    @property
    def effect(self) -> str:
        """The help of the flag, which may turn something off."""
        return f"do not {self.option.help}" if self.kind is bool and self.default is True else self.option.help

    @property
    def range(self) -> str:
        """The range in words, in units of the flag; empty where there is none."""
        return self._range(self._scale)

    @property
    def stored_range(self) -> str:
        """The range in words, in units of files."""
        return self._range(1)

    @property
    def limits(self) -> dict[str, float]:
        """The range by `ge` and `le`, as far as there are such ends."""
        found = {end: getattr(meta, end) for meta in _annotations(self.type, msgspec.Meta) for end in ("ge", "le")}
        return {end: limit for end, limit in found.items() if limit is not None}

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
        if (read := self._read) and get_origin(self.kind) is tuple:
            return tuple(map(read, self._checked(value, toml_value(value), 1, tuple[str, ...])))
        if read and isinstance(value, str) and not self.repeated:
            return read(value)
        return self._checked(value, toml_value(value), 1)

    def stored(self, value: Any) -> Any:
        """Return what a file has for a value, as `convert` reads it."""
        if isinstance(value, bool | int | float | Mapping):
            return value
        return self.words(value) if self.repeated else self.option.write(value)

    @property
    def spellings(self) -> tuple[str, str, str]:
        """Names that a user may know the setting by: the whole name, its last part, and that of the flag."""
        return self.name, self.path[-1], self.option.flag.strip("-").replace("-", "_")

    @property
    def _scale(self) -> int:
        return 1000 if self.option.flag.endswith(MILLISECONDS) else 1

    @property
    def _read(self) -> Callable[[str], Any] | None:
        item = get_args(self.kind)[0] if self.repeated else self.kind
        return self.option.read or (parse_path if item is Path else None)

    def _checked(self, value: Any, shown: str, scale: int, kind: Any = None) -> Any:
        try:
            if (isinstance(value, float) and not math.isfinite(value)) or value not in (self.option.choices or [value]):
                raise msgspec.ValidationError
            return msgspec.convert(value, kind or self.type)
        except msgspec.ValidationError as error:
            raise ValueError(f"{shown} is not {' '.join([self._wanted, self._range(scale)]).strip()}") from error

    @property
    def _wanted(self) -> str:
        if self.option.choices:
            return f"one of {', '.join(self.option.choices)}"
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        kinds |= {tuple: "a list of texts", Mapping: "a table of names and values"}
        return kinds.get(get_origin(self.kind) or self.kind) or f"written as {self.option.metavar}"

    def _range(self, scale: int) -> str:
        words = {"ge": "from", "le": "to"}
        return " ".join(f"{words[end]} {limit * scale:g}" for end, limit in self.limits.items())


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


def from_mapping(
    settings: type, values: Mapping[str, Any], without: Collection[str] = ()
) -> tuple[dict[str, Any], list[Mistake]]:
    """Return what nested names and values mean, as a configuration file has them: values by dotted names, and mistakes.

    Args:
        settings: the class.
        values: by the names of fields; those of a settings class in it are a mapping again.
        without: dotted names of settings that are not read from files.
    """
    return _from_mapping({setting.name: setting for setting in declared(settings, without)}, values, {})


def own(item: T, outer: Any) -> list[Setting]:
    """Return the settings of a table that are not those of the surrounding settings.

    Args:
        item: the table.
        outer: settings in one of whose arrays of tables it is.
    """
    shared = _shared(type(item), {field.name: getattr(outer, field.name) for field in fields(outer)})
    return [
        setting
        for setting in declared(type(item))
        if setting.path[0] not in shared or attrgetter(setting.name)(item) != attrgetter(setting.name)(outer)
    ]


def _from_mapping(
    known: Mapping[str, Setting], values: Mapping[str, Any], outer: Mapping[str, Setting]
) -> tuple[dict[str, Any], list[Mistake]]:
    """Return values and mistakes of `from_mapping`; `outer` are the settings around a table."""
    found: dict[str, Any] = {}
    mistakes = []
    for name, value in _flat(values, known):
        if name not in known:
            mistakes.append(_misplaced(name, known, outer) or _unknown(name, known))
        elif known[name].table:
            found[name], wrong = _from_tables(known[name], value, known)
            mistakes += wrong
        elif masked(written := toml_value(value)) != written:
            problem = "credentials, queries and keys do not belong in a file"
            mistakes.append(Mistake(name, problem, _elsewhere(known[name].option)))
        else:
            try:
                found[name] = known[name].convert(value)
            except ValueError as error:  # which msgspec's is, too
                mistakes.append(Mistake(name, str(error), f"it is: {known[name].option.help}"))
    return found, mistakes


def _from_tables(
    setting: Setting, tables: Any, outer: Mapping[str, Setting]
) -> tuple[tuple[dict[str, Any], ...], list[Mistake]]:
    """Return the values of each table of an array, and mistakes, which name tables by their numbers from 1."""
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        return (), [
            Mistake(setting.name, "there may be several tables of it", f"write [[{setting.name}]], once for each")
        ]
    known = {one.name: one for one in declared(setting.table)}
    found, mistakes = [], []
    for number, table in enumerate(tables, 1):
        values, wrong = _from_mapping(known, table, outer)
        place, given = f"{setting.name}[{number}]", {*values, *(mistake.name for mistake in wrong)}
        found.append(values)
        mistakes += [replace(mistake, name=f"{place}.{mistake.name}") for mistake in wrong]
        mistakes += [
            Mistake(place, f"{name} is missing", f"add it; it is: {one.option.help}")
            for name, one in known.items()
            if one.default is MISSING and name not in given
        ]
    return tuple(found), mistakes


def _misplaced(name: str, known: Mapping[str, Setting], outer: Mapping[str, Setting]) -> Mistake | None:
    """Return the mistake of an option that a table has not, but the settings around it have."""
    last = _last(name)
    if last in _spellings(known) or (meant := _spellings(outer).get(last)) is None:
        return None
    return Mistake(name, "an option of the whole file, not of one table", f"write {meant} above the first [[table]]")


def _spellings(known: Mapping[str, Setting]) -> dict[str, str]:
    """Return the names of settings by what users may call them."""
    return {spelling: one.name for one in known.values() for spelling in one.spellings if spelling}


def _last(name: str) -> str:
    return name.rpartition(".")[2].replace("-", "_")


def _unknown(name: str, known: Mapping[str, Setting]) -> Mistake:
    if _is_table(name, known):
        return Mistake(name, "this is a table", f"write [{name}] and its options below")
    spellings, last = _spellings(known), _last(name)
    near = [last] * (last in spellings) or [
        one for word in (name, last) for one in get_close_matches(word, spellings, 1)
    ]
    return Mistake(name, "unknown option", f"write {spellings[near[0]]}" if near else "leave it out")


def _is_table(name: str, known: Collection[str]) -> bool:
    return any(other.startswith(f"{name}.") for other in known)


def _elsewhere(option: Option) -> str:
    """Return where the secrets of an option go."""
    ways = [f"set {' and '.join(option.credentials)}"] * bool(option.credentials)
    ways += [f"set {option.variable} to the whole address"] * bool(option.variable)
    return " and ".join(["leave them out", *[", or ".join(ways)] * bool(ways)])


def words(settings: T, without: Collection[str] = (), base: T | None = None) -> list[str]:
    """Return the words of a command line that means these settings; flags at their defaults are left out.

    Args:
        settings: an instance of a settings class.
        without: dotted names to leave out.
        base: settings of which only the differences are said, instead of the defaults.
    """
    found: list[str] = []
    for setting in declared(type(settings), without):
        value, flag = attrgetter(setting.name)(settings), setting.option.flag
        usual = attrgetter(setting.name)(base) if base else setting.default
        if flag.startswith("-") and value != usual:
            found += _flagged(setting, value)
        elif flag and not flag.startswith("-") and not (base and value == usual):
            found += setting.words(value)
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


def _built(
    settings: Any,
    values: Mapping[str, Any],
    prefix: str,
    defaults: Any,
    shared: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    given: dict[str, Any] = {}
    for field in fields(settings):
        name = prefix + field.name
        if is_dataclass(field.type):
            given[field.name] = _built(
                field.type, values, f"{name}.", shared.get(field.name) or _default(field, defaults)
            )
        elif name in values:
            given[field.name] = _built_tables(field.type, values[name], given) if _table(field.type) else values[name]
    return settings(**given) if defaults is None else replace(defaults, **given)


def _built_tables(annotation: Any, tables: Iterable[Any], outer: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the tables of an array, each from its values by dotted names; what is built already stays."""
    table = _table(annotation)
    shared = _shared(table, outer)
    return tuple(item if is_dataclass(item) else _built(table, item, "", None, shared) for item in tables)


def _shared(table: Any, outer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a table takes its defaults from, by the names of its fields."""
    kinds = {field.name: field.type for field in fields(table) if is_dataclass(field.type)}
    return {name: outer[name] for name, kind in kinds.items() if type(outer.get(name)) is kind}


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


def _table(annotation: Any) -> Any:
    """Return the settings class of an array of tables; None for other types."""
    kind = _kind(annotation)
    item = get_args(kind)[0] if get_origin(kind) is tuple else None
    return item if is_dataclass(item) else None


def _annotations(annotation: Any, wanted: type[T]) -> Iterator[T]:
    for part in get_args(annotation):
        if isinstance(part, wanted):
            yield part
        else:
            yield from _annotations(part, wanted)


def _flat(values: Mapping[str, Any], known: Mapping[str, Setting], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, Mapping) and name not in known and (value or _is_table(name, known)):
            yield from _flat(value, known, f"{name}.")
        else:
            yield name, value
