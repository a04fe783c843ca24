"""Class and split of every file of a source, from the names of all its folders.

All paths are needed to know whether 0 to 7 are classes, which split `Eval` is, or whether `extra` is a split.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from train.importer.names import CONTEMPT, HELD_OUT, count_files, is_like_a_split, listed
from train.importer.numbers import MOSTLY, NOTHING, ORDERS, Numbers, how_to_name, parse_classes, read_names, read_record
from train.importer.own_classes import OwnClasses, read_own_classes
from train.importer.path_meaning import Place, read_place
from train.importer.source_files import Skipped

HINTS = {"classes.txt": read_names, "import.json": read_record}
"""Files of a source that name its numbered classes."""

_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_LEFT_OUT = {CONTEMPT: f"{CONTEMPT} is none of the {len(EMOTIONS)} classes", NOTHING: "left out by the list of classes"}


@dataclass
class Layout:
    """Meaning of all folders of a source.

    Attributes:
        classes: names of the classes, in the order of their numbers.
        numbers: classes of the numbered folders; None where no number is a class.
        held_out: split of a `HELD_OUT` folder.
        has_splits: True if any folder or prefix names a split.
        outer: number of outermost folders that all images have in common.
        spelled: class folders whose name is exact, as (folders around it, class).
        taken: files, by the interpretation of an inexact name.
    """

    classes: tuple[str, ...]
    numbers: Numbers | None
    held_out: str
    has_splits: bool
    outer: int
    spelled: set[tuple[tuple[str, ...], str]]
    taken: Counter[str] = field(default_factory=Counter)

    def place(self, name: str) -> tuple[int, str] | Skipped:
        """Return class number and split of a file, or the reason to leave it out."""
        if name != (shown := name.encode(errors="backslashreplace").decode()):
            return Skipped(shown, "its name is not UTF-8")
        if name.lower().endswith(_ARCHIVES):
            return Skipped(name, "an archive inside the source: unpack it first")
        place = read_place(name)
        emotion = self._find_class(place)
        if emotion not in self.classes:
            return Skipped(name, emotion)
        split = self._find_split(place)
        return (self.classes.index(emotion), split) if split else Skipped(name, "in no folder of a split")

    def notes(self) -> list[str]:
        """Return lines for the report on the interpretation of inexact names."""
        numbers = [self.numbers.describe()] if self.numbers else []
        return numbers + [f"{what}: {count_files(count)}" for what, count in self.taken.items()]

    def _find_class(self, place: Place) -> str:
        """Return the emotion, or the reason to leave the file out."""
        names = set(place.classes.values())
        if len(names) > 1:
            return f"in folders of several classes, {', '.join(sorted(names))}"
        name = self._read_name(place, *names) if names else self._read_number(place)
        return _LEFT_OUT.get(name, name)

    def _read_name(self, place: Place, name: str) -> str:
        folder = place.folders[min(place.classes)]
        if place.misspelled:
            if (place.around, name) in self.spelled:
                return f"similar to {name}, which has a folder beside it"
            self.taken[f"{folder!r} read as {name}"] += 1
        return name

    def _read_number(self, place: Place) -> str:
        classes = self.numbers.classes if self.numbers else {}
        known = [classes[number] for number in place.numbers.values() if number in classes]
        if len(known) == 1:
            return known[0]
        if len(place.numbers) > 1:
            return f"in several numbered folders, {', '.join(map(str, place.numbers.values()))}"
        return "its folder is a number, other classes have names" if place.numbers else "not in the folder of a class"

    def _find_split(self, place: Place) -> str | None:
        if place.split == HELD_OUT:
            self.taken[f"{place.split_name!r} read as {self.held_out}"] += 1
            return self.held_out
        if place.split:
            return place.split
        around = "/".join(place.around[self.outer :])
        if around and self.has_splits:
            return None
        if around or self.has_splits:
            self.taken[f"{around!r} names no split, taken for train" if around else "in no split, taken for train"] += 1
        return "train"


def read_layout(
    source: object, names: Sequence[str], classes: str | None, read: Callable[[str], str]
) -> Layout | OwnClasses:
    """Interpret the folders of a source.

    Args:
        source: name of the source, for errors.
        names: paths of its files, with forward slashes.
        classes: option `--classes`, the classes of its numbers, or the class folders to take.
        read: returns the text of a file.

    Raises:
        UserError: the meaning of the numbers, or the split of a folder, is not clear.
    """
    places = [place for place in dict.fromkeys(map(read_place, names)) if place.class_position is not None]
    if _has_own_classes(places, classes):
        return read_own_classes(source, names, classes, _resolve_held_out)
    numbers = _find_numbers(source, names, places, classes, read)
    if numbers is None:
        places = [place for place in places if place.classes]
    splits = {place.split for place in places if place.split}
    layout = Layout(
        classes=numbers.names if numbers else EMOTIONS,
        numbers=numbers,
        held_out=_resolve_held_out(source, splits),
        has_splits=bool(splits),
        outer=_count_common([place.around for place in places]),
        spelled={(place.around, name) for place in places if not place.misspelled for name in place.classes.values()},
    )
    _refuse_unknown_splits(source, places, layout.outer)
    return layout


def _has_own_classes(places: list[Place], classes: str | None) -> bool:
    """Return True if the class folders are named, and not after emotions, or if the user names which ones to take."""
    emotions = {name for place in places for name in place.classes.values()} & set(EMOTIONS)
    numbered = any(place.numbers and not place.classes for place in places)
    if classes is not None:
        return not numbered and classes.strip().casefold() not in ORDERS and "=" not in classes
    return not numbered and len(emotions) < MOSTLY


def _find_numbers(
    source: object, names: Iterable[str], places: list[Place], classes: str | None, read: Callable[[str], str]
) -> Numbers | None:
    numbered = [place for place in places if not place.classes]
    found = {number for place in numbered for number in place.numbers.values() if len(place.numbers) == 1}
    if classes is not None:
        return parse_classes(classes, found, source)
    if not found or len(numbered) < len(places):
        return None  # a number beside named classes can mean anything
    if hinted := _read_hints(source, names, found, read):
        return hinted
    if found == set(range(len(EMOTIONS))) and all(map(_is_documented, numbered)):
        origin = "assumed, as nothing in the source names them; if that is wrong, name them by CLASSES="
        return Numbers(ORDERS["emotion-edge"], origin)
    raise UserError(f"{source} numbers its classes, {listed(sorted(found))}", how_to_name(found))


def _read_hints(source: object, names: Iterable[str], found: set[int], read: Callable[[str], str]) -> Numbers | None:
    hints = []
    for name in names:
        reader = HINTS.get(name.rpartition("/")[2].lower())
        if reader and (numbers := reader(read(name), found, name)):
            hints.append(numbers)
    if any(hint.classes != hints[0].classes for hint in hints):
        raise UserError(f"{source} names its classes in several files, each in another order", how_to_name(found))
    return hints[0] if hints else None


def _is_documented(place: Place) -> bool:
    """Return True for `{train,val,test}/{0..6}` or `{0..6}` without a mark of another data set."""
    return place.split is None or place.split_name.casefold() == place.split


def _resolve_held_out(source: object, splits: set[str]) -> str:
    free = [split for split in ("test", "val") if split not in splits]
    if HELD_OUT in splits and not free:
        raise UserError(f"{source} has splits for validation, test and evaluation", "leave one of them out")
    return free[0] if free else "test"


def _refuse_unknown_splits(source: object, places: list[Place], outer: int) -> None:
    around = {folder for place in places if not place.split for folder in place.around[outer:]}
    if names := sorted(map(repr, filter(is_like_a_split, around))):
        raise UserError(
            f"{source}: it is not clear which split {listed(names)} is", "rename the folder to train, val or test"
        )


def _count_common(paths: list[tuple[str, ...]]) -> int:
    """Count the leading folders that all paths have in common."""
    return len(list(takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))))
