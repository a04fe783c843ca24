"""Hours of the week: their words, and the times that they contain."""

from datetime import datetime

import pytest

from edge.base.hours import Hours

MONDAY, SUNDAY = 5, 11  # of January 2026


def at(day, time):
    return datetime.fromisoformat(f"2026-01-{day:02d}T{time}")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 08:00-17:00", [(MONDAY, "08:00"), (9, "16:59")], [(MONDAY, "07:59"), (9, "17:00"), (10, "12:00")]),
        ("sat,sun 00:00-24:00", [(10, "00:00"), (SUNDAY, "23:59")], [(9, "23:59"), (12, "00:00")]),
        ("22:00-06:00", [(MONDAY, "22:00"), (6, "05:59"), (6, "23:00")], [(MONDAY, "21:59"), (6, "06:00")]),
        ("sun 22:00-06:00", [(SUNDAY, "22:00"), (12, "05:59")], [(SUNDAY, "05:00"), (12, "22:00"), (10, "23:00")]),
        ("fri-mon 10:00-11:00", [(9, "10:00"), (MONDAY, "10:30")], [(6, "10:30"), (8, "10:30")]),
        ("Mon 08:00-09:00", [(MONDAY, "08:30")], [(6, "08:30")]),
    ],
)
def test_hours_contain_times(text, inside, outside):
    hours = Hours.parse(text)
    assert str(hours) == text
    assert all(hours.contain(at(*moment)) for moment in inside)
    assert not any(hours.contain(at(*moment)) for moment in outside)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mon-fri",
        "8:00-17:00",
        "moday 08:00-17:00",
        "mon- 08:00-09:00",
        "08:00",
        "08:60-09:00",
        "23:00-24:01",
    ],
)
def test_what_is_no_hours_is_refused(text):
    with pytest.raises(ValueError, match="are no hours: write them as mon-fri 08:00-17:00"):
        Hours.parse(text)


@pytest.mark.parametrize("text", ["08:00-08:00", "24:00-24:00", "24:00-06:00"])
def test_hours_without_an_end_are_refused(text):
    with pytest.raises(ValueError, match="has no end: write 00:00-24:00 for a whole day"):
        Hours.parse(text)
