"""Meaning of the numbers on class folders.

Every data set numbers its classes in its own order: 0 is angry in FER-2013 and neutral in AffectNet. The order must
come from the user, from a list in the source, or from the documented layout.
"""

import json
import re
from collections.abc import Set
from dataclasses import dataclass

from edge.base.classes import EMOTIONS, fault_in
from edge.base.errors import UserError
from train.importer.names import CONTEMPT, read_class

NOTHING = "-"
"""Entry of a list of classes for a number whose images are left out."""

FER_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Digits of FER-2013, in fer2013.csv."""

MOSTLY = 4
"""Number of emotions from which names belong to an emotion data set, in which an unknown name is a mistake."""

_AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", CONTEMPT, NOTHING, NOTHING, NOTHING)
_RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")

ORDERS = {
    "emotion-edge": dict(enumerate(EMOTIONS)),
    "fer2013": dict(enumerate(FER_ORDER)),
    "affectnet": dict(enumerate(_AFFECTNET)),
    "rafdb": dict(enumerate(_RAFDB, start=1)),
}
"""Classes by number, by the name of a data set with this order."""


@dataclass(frozen=True)
class Numbers:
    """Classes of the numbers.

    Attributes:
        classes: an emotion, `contempt`, a class of the source's own, or `NOTHING` by number.
        origin: source of this information, for the report.
    """

    classes: dict[int, str]
    origin: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the data set's classes: the emotions, or the source's own in the order of their numbers."""
        own = tuple(name for _, name in sorted(self.classes.items()) if name not in (NOTHING, CONTEMPT))
        return EMOTIONS if set(own) <= set(EMOTIONS) and len(own) >= MOSTLY else own

    def describe(self) -> str:
        """Return one line for the report."""
        named = ", ".join(f"{number} {name}" for number, name in sorted(self.classes.items()))
        return f"numbers: {named} ({self.origin})"


def how_to_name(found: Set[int]) -> str:
    """Return the remedy for numbers without names; it lists the data sets with exactly the numbers `found`."""
    fitting = [name for name, order in ORDERS.items() if _emotions(order) <= found <= order.keys()]
    orders = [f"by CLASSES={' or '.join(fitting)} if they have that order"] if fitting else []
    lists = ["by CLASSES=neutral,happy,… in the order of the numbers", "by CLASSES=0=neutral,1=happy,…"]
    return f"name them {', or '.join(orders + lists)} ({NOTHING} leaves a number out)"


def _emotions(order: dict[int, str]) -> set[int]:
    return {number for number, name in order.items() if name in EMOTIONS}


def parse_classes(text: str, found: Set[int], source: object) -> Numbers:
    """Read the option `--classes`: the name of an order, names in the order of the numbers, or `number=name` pairs.

    Args:
        text: the option's value.
        found: numbers in the source; all of them must have a class.
        source: for errors.

    Raises:
        UserError: a name is not a class, or the numbers are not those of the source.
    """
    if not found:
        raise UserError(f"{source} has no numbered classes, which CLASSES={text} is for", "leave it out")
    if (order := ORDERS.get(text.strip().casefold())) is not None:
        classes = {number: name for number, name in order.items() if number in found or name in EMOTIONS}
        return _checked(classes, found, f"CLASSES={text.strip().casefold()}")
    items = [item.strip() for item in text.split(",")]
    if any("=" in item for item in items):
        return _checked(_parse_pairs(items), found, "CLASSES=")
    return _checked(_count(_parse_names(items, "CLASSES="), found), found, "CLASSES=")


def read_names(text: str, found: Set[int], file: str) -> Numbers:
    """Read the classes.txt of a source: a name a line, in the order of the numbers.

    Raises:
        UserError: a name is not a class, or the numbers are not those of the source.
    """
    lines = [line.strip() for line in text.removeprefix("\ufeff").strip().splitlines()]
    if not lines:
        raise UserError(f"{file} names no class", "write a name a line, or leave it out")
    return _checked(_count(_parse_names(lines, file), found), found, file)


def read_record(text: str, found: Set[int], file: str) -> Numbers | None:
    """Read the classes from the record that an earlier import left in its output; None if it is another file."""
    try:
        names = json.loads(text)["counts"]["train"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(names, dict) or not names:
        return None
    return _checked(_count(_parse_names(list(names), file), found), found, file)


def _count(names: list[str], found: Set[int]) -> dict[int, str]:
    """Number the names from 0, or from 1 where the source has no 0 and its last number is theirs."""
    if 0 not in found and max(found) < len(names):
        numbers = ", ".join(map(str, sorted(found)))
        raise UserError(
            f"with the numbers {numbers} it is not clear whether the {len(names)} names count from 0 or 1",
            "give them as CLASSES=1=surprise,2=fear,…",
        )
    return dict(enumerate(names, start=0 if 0 in found else 1))


def _parse_pairs(items: list[str]) -> dict[int, str]:
    names: dict[int, str] = {}
    for item in items:
        number, _, name = item.partition("=")
        if not re.fullmatch(r" *[0-9]{1,9} *", number) or int(number) in names:
            raise UserError(f"CLASSES= has {item!r} where a number and its class are due", "write 0=neutral,1=happy,…")
        names[int(number)] = name.strip()
    return dict(zip(names, _parse_names(list(names.values()), "CLASSES="), strict=True))


def _parse_names(texts: list[str], where: str) -> list[str]:
    """Return the named emotions, or the names unchanged if they are a source's own classes."""
    named = [read.name if (read := read_class(text)) and read.exact else None for text in texts]
    if sum(name in EMOTIONS for name in named) < MOSTLY:
        if fault := fault_in([text for text in texts if text != NOTHING]):
            raise UserError(f"{where} names {', '.join(map(repr, texts))[:80]}: {fault}", "correct the names")
        return texts
    for text, name in zip(texts, named, strict=True):
        if name is None and text != NOTHING:
            raise UserError(f"{where} names {text[:40]!r}", f"use {', '.join(EMOTIONS)}, {CONTEMPT} or {NOTHING}")
    return [name or NOTHING for name in named]


def _checked(classes: dict[int, str], found: Set[int], origin: str) -> Numbers:
    if strangers := sorted(found - classes.keys()):
        raise UserError(
            f"{origin} names the numbers {min(classes)} to {max(classes)}, and the source also has "
            f"{', '.join(map(str, strangers))}",
            f"name the classes of all its numbers, {', '.join(map(str, sorted(found)))}; {NOTHING} leaves one out",
        )
    named = [name for name in classes.values() if name not in (NOTHING, CONTEMPT)]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise UserError(f"{origin} names {twice[0]} for two numbers", "name each class once")
    return Numbers(classes, origin)
