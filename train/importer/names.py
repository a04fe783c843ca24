"""Class names and split names as people write them on folders."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from edge.base.classes import EMOTIONS

CONTEMPT = "contempt"
"""The eighth class of CK+, AffectNet and FER+, which the models lack."""

USAGE_SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""FER-2013's own names of its parts: column `Usage` in the table, prefix of the file name in archives."""

HELD_OUT = "held out"
"""A split named only as not for training (`Eval`); the source's other splits decide which one it is."""

_SYNONYMS = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "neutral": ("neutrality",),
    "sad": ("sadness",),
    "surprise": ("surprised",),
    CONTEMPT: ("contemptuous",),
}
_CLASSES = {spelling: name for name in _SYNONYMS for spelling in (name, *_SYNONYMS[name])}

CLASS_NUMBERS = {spelling: EMOTIONS.index(name) for spelling, name in _CLASSES.items() if name in EMOTIONS}
"""Class number of every spelling of the seven emotions, in lower case."""

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("eval", "evaluation", "heldout", "holdout"), HELD_OUT),
}
_JOINED = {usage.lower(): split for usage, split in USAGE_SPLITS.items()} | {
    f"{word}{end}": split for word, split in _SPLITS.items() for end in ("", "set", "data")
}
_LIKE_A_SPLIT = re.compile(r"train|test|valid|eval|h[eo]ld.?out|(?<![a-z])(val|dev|devel|held)(?![a-z])")

_FILLERS = {
    *("set", "sets", "data", "dataset", "split", "folder", "image", "images", "img", "imgs", "picture", "pictures"),
    *("face", "faces", "class", "emotion", "emotions", "expression", "expressions"),
    *("fer", "ferplus", "affectnet", "raf", "db", "rafdb", "ck"),
}
"""Words in a folder's name that do not change its meaning."""

_SHORTEST_CORRECTED = 5
"""Fewest letters of a name that is corrected; shorter names are similar to too many words (sad, mad, sand)."""


@dataclass(frozen=True)
class ClassName:
    """Class that a folder's name stands for.

    Attributes:
        name: one of `EMOTIONS`, or `contempt`.
        exact: False if the folder's name is a misspelling.
    """

    name: str
    exact: bool = True


def read_class(folder: str) -> ClassName | None:
    """Return the class in a folder's name, or None.

    Case, blanks, numbers (`0_angry`) and words such as `faces` are ignored. A name with several classes
    (`happily surprised`, `happy_surprise`) is not a class.
    """
    for words in _readings(folder):
        if len(words) == 1 and (name := _CLASSES.get(words[0])):
            return ClassName(name)
    for words in _readings(folder):
        if len(words) == 1 and (name := _correct(words[0])):
            return ClassName(name, exact=False)
    return None


def read_split(folder: str) -> str | None:
    """Return the split in a folder's name: `train`, `val`, `test`, `HELD_OUT`, or None."""
    for words in _readings(folder):
        if split := _JOINED.get("".join(words)):
            return split
    return None


def is_like_a_split(folder: str) -> bool:
    """Return True if the name mentions training or testing, such as `train_and_val`."""
    return bool(_LIKE_A_SPLIT.search(folder.casefold()))


def read_number(folder: str) -> int | None:
    """Return the number in a folder's name of one or two digits, or None; longer numbers are not classes."""
    text = folder.strip()
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else None


def _readings(folder: str) -> list[list[str]]:
    """Words of the name in lower case, without fillers and numbers; also with words split at capital letters."""
    spellings = (folder, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder))
    return [
        [word for word in re.findall(r"[^\W\d_]+", spelling.casefold()) if word not in _FILLERS]
        for spelling in spellings
    ]


def _correct(word: str) -> str | None:
    """Return the class that differs from `word` by one letter or one exchange; None if there are several."""
    near = {
        name
        for spelling, name in _CLASSES.items()
        if len(spelling) >= _SHORTEST_CORRECTED and spelling[0] == word[0] and _is_one_edit(word, spelling)
    }
    return near.pop() if len(near) == 1 else None


def _is_one_edit(a: str, b: str) -> bool:
    """Return True if `a` becomes `b` by adding, dropping, replacing or exchanging letters once."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    exchanged = rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:]
    return exchanged or rest_a[1:] == rest_b or rest_b[1:] in (rest_a, rest_a[1:])


def listed(names: Collection[object]) -> str:
    """Return the names in one line, at most the first ten."""
    items = [str(name) for name in names]
    more = f" and {len(items) - 10:,} more" if len(items) > 10 else ""
    return ", ".join(items[:10]) + more


def count_files(count: int) -> str:
    """Return `1 file`, `2 files` and so on."""
    return f"{count:,} file" + "s" * (count != 1)
