"""Damage bytes and JSON at random; the same `Random` gives the same damage."""

import math
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 16, 0x40, 0x7F, 0x80, 0xFE, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
"""Values at which lengths and counts go wrong."""

MOST_EDITS = 6


def damage(content: bytes, random: Random, others: tuple[bytes, ...] = ()) -> bytes:
    """Change a few places of `content`; `others` are whole inputs of which parts may be taken."""
    edits: list[Callable[..., bytes]] = [_flip, _flip, _set, _number, _number, _cut, _repeat, _remove, _insert]
    for _ in range(random.randint(1, MOST_EDITS)):
        if others and random.random() < 0.1:
            content = _splice(content, random, random.choice(others))
        else:
            content = random.choice(edits)(content, random)
    return content


def _at(content: bytes, random: Random) -> int:
    """A place; headers, where most is decided, more often than the rest."""
    end = min(len(content), random.choice((16, 64, 512, len(content) or 1)))
    return random.randrange(end) if end else 0


def _flip(content: bytes, random: Random) -> bytes:
    at = _at(content, random)
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :] if content else content


def _set(content: bytes, random: Random) -> bytes:
    at, count = _at(content, random), random.randint(1, 8)
    return content[:at] + random.randbytes(count) + content[at + count :]


def _number(content: bytes, random: Random) -> bytes:
    """Write a number of one, two or four bytes, of either order, over what is there."""
    at, size = _at(content, random), random.choice((1, 2, 4))
    value = random.choice(NUMBERS) % (1 << 8 * size)
    return content[:at] + value.to_bytes(size, random.choice(("big", "little"))) + content[at + size :]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))] if content and random.random() < 0.3 else content


def _span(content: bytes, random: Random) -> tuple[int, int]:
    start = _at(content, random)
    return start, min(len(content), start + random.choice((1, 4, 32, 400)))


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:end] + content[start:end] * random.choice((1, 2, 30)) + content[end:]


def _remove(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:start] + content[end:]


def _insert(content: bytes, random: Random) -> bytes:
    at = _at(content, random)
    return content[:at] + random.randbytes(random.choice((1, 2, 4, 60))) + content[at:]


def _splice(content: bytes, random: Random, other: bytes) -> bytes:
    return content[: _at(content, random)] + other[_at(other, random) :]


ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 48, 10**6, 2**31, 2**63, 2**64, 10**400, -(10**400)),
    *(0.5, -0.5, 1e308, math.inf, -math.inf, math.nan),
    *("", "x", "\0", "\x1b[2J", "\ud800", "../../etc/passwd", "a" * 10_000, "é" * 101),
    *([], [[]], {}, {"": {}}, [0] * 10_000, {str(i): i for i in range(1000)}),
)
"""Values that a reader of JSON may not expect in a place."""


def damage_json(value: Any, random: Random) -> Any:
    """Replace, remove, double or nest a few values anywhere in a JSON document, which is changed."""
    for _ in range(random.randint(1, 3)):
        places = list(_places(value))
        if not places:
            return deepcopy(random.choice(ODD_VALUES))
        holder, key = random.choice(places)
        match random.randrange(8):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2:
                holder[key] = nested(holder[key], random.choice((2, 50, 200)))
            case 3 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] *= random.choice((-1, 0, 2, 1000))
            case 4:
                holder[key] = str(holder[key])
            case _:
                holder[key] = deepcopy(random.choice(ODD_VALUES))
    return value


def nested(value: Any, depth: int) -> Any:
    """Put `value` into so many lists."""
    for _ in range(depth):
        value = [value]
    return value


def _places(value: Any) -> Any:
    """Each container with each of its keys, outermost first."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, inner in pairs:
            yield holder, key
            waiting.append(inner)
