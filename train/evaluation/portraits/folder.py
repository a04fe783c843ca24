"""Read a folder of portraits.

<folder>/neutral/<id>.jpg and <folder>/smiling/<id>.jpg     a picture each of every person, of any format and size
<folder>/people.csv                                         id,age,gender,ethnicity; empty or NA: not given
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from edge.base.errors import UserError

PEOPLE = "people.csv"
PERSON_COLUMNS = ("id", "age", "gender", "ethnicity")
POSES = ("neutral", "smiling")
"""Folders of the pictures."""

NOT_GIVEN = "not given"
AGE_BANDS = ((25, "under 25"), (35, "25 to 34"), (50, "35 to 49"), (200, "50 and over"))
"""Exclusive upper ends, years, and names."""


@dataclass(frozen=True)
class Person:
    """A person by `people.csv`.

    Attributes:
        pictures: paths by pose.
        groups: name of the person's group by attribute: `gender`, `age` (a band) and `ethnicity`.
    """

    pictures: dict[str, Path]
    groups: dict[str, str]


def read_people(folder: Path) -> list[Person]:
    """Read the people of a folder of portraits, and the paths of their pictures.

    Raises:
        UserError: the table, a column, a person or a picture is missing, or a person is in the table twice.
    """
    rows = {row["id"]: row for row in _read_rows(folder / PEOPLE)}
    pictures = {pose: _pictures(folder / pose, set(rows)) for pose in POSES}
    return [
        Person({pose: pictures[pose][id_] for pose in POSES}, _groups(row, folder / PEOPLE))
        for id_, row in rows.items()
    ]


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of the table; each needs a unique id."""
    needs = f"it needs the columns {','.join(PERSON_COLUMNS)} and a row for every person"
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows = [{name: (row.get(name) or "").strip() for name in PERSON_COLUMNS} for row in reader]
            missing = [name for name in PERSON_COLUMNS if name not in (reader.fieldnames or ())]
    except FileNotFoundError as error:
        raise UserError(f"{path}: the file is missing", needs) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})", needs) from error
    if missing or not rows:
        raise UserError(f"{path}: {f'column {missing[0]!r} is missing' if missing else 'it has no rows'}", needs)
    ids = [row["id"] for row in rows]
    if "" in ids:
        raise UserError(f"{path}: row {ids.index('') + 1} has no id", "the id is the pictures' name without its ending")
    if twice := [id_ for id_ in ids if ids.count(id_) > 1]:
        raise UserError(f"{path}: {twice[0]} is in it twice", "give every person one row")
    return rows


def _groups(row: dict[str, str], path: Path) -> dict[str, str]:
    given = {name: NOT_GIVEN if row[name] in ("", "NA") else row[name] for name in PERSON_COLUMNS}
    return {"gender": given["gender"], "age": _age_band(given["age"], path), "ethnicity": given["ethnicity"]}


def _age_band(age: str, path: Path) -> str:
    if age == NOT_GIVEN:
        return age
    if not age.isdecimal() or int(age) >= AGE_BANDS[-1][0]:
        raise UserError(
            f"{path}: {age!r} is not an age in years", "write whole years, or NA where the age was not given"
        )
    return next(name for end, name in AGE_BANDS if int(age) < end)


def _pictures(folder: Path, ids: set[str]) -> dict[str, Path]:
    """Return the pictures of a pose by the person's id, exactly one for each."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", f"portraits need the folders {' and '.join(POSES)}, and {PEOPLE}")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    found = {path.stem: path for path in paths}
    if unknown := [path for path in paths if path.stem not in ids]:
        raise UserError(f"{unknown[0]}: {PEOPLE} names no such person", "add a row with that id, or remove the picture")
    if missing := sorted(ids - set(found)):
        raise UserError(f"{folder}: no picture of {missing[0]}", "add it, or remove the person's row and other picture")
    if len(found) < len(paths):
        twice = next(path for path in paths if found[path.stem] != path)
        raise UserError(f"{twice}: a second picture of {twice.stem}", "keep one")
    return found
