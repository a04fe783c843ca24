"""Class names: those that ship, and the rules for a data set's own."""

import re
from collections.abc import Sequence

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""Class names of the shipped models; the position is the class number, the folder's name and the output's column."""

MIN_CLASSES, MAX_CLASSES = 2, 50

NAME_RULE = "1 to 32 letters of a to z, digits, blanks, '-' and '_', with a letter first"
"""Form of a class name, which outputs use in pictures, style sheets, topics, columns and templates."""

NO_LABEL = "none"
"""Stands for no label in tables of events and counters."""

RESERVED = (NO_LABEL, "unsure", "not judged")
"""Names that outputs give to a face without a label."""

_NAME = re.compile("[A-Za-z][A-Za-z0-9 _-]{0,31}")


def key_of(name: str) -> str:
    """Return a class name as an identifier: small letters, digits and underscores."""
    return re.sub("[^a-z0-9]", "_", name.lower())


def shortened(name: str, letters: int) -> str:
    """Cut the middle out of a class name that has more than so many letters."""
    kept = (letters - 2) // 2
    return name if len(name) <= letters else f"{name[:kept]}..{name[-kept:]}"


def fault_in(classes: Sequence[str]) -> str | None:
    """Return what is wrong with the classes of a data set or a model; None if nothing is."""
    if not MIN_CLASSES <= len(classes) <= MAX_CLASSES:
        return f"{len(classes)} classes, not {MIN_CLASSES} to {MAX_CLASSES}"
    for name in classes:
        if not _NAME.fullmatch(name) or name != name.strip():
            return f"the class name {name[:40]!r} is not {NAME_RULE}"
        if name.lower() in RESERVED:
            return f"the class name {name!r} stands for a face without a label"
    keys = [key_of(name) for name in classes]
    if twice := [name for name, key in zip(classes, keys, strict=True) if keys.count(key) > 1]:
        return f"the class names {twice[0]!r} and {twice[1]!r} are the same"
    return None
