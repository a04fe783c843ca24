"""Hours of the week, as users write them: `mon-fri 08:00-17:00`."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Self

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
"""Minutes of a day."""

_FORM = re.compile(r"(?:((?:[a-z]{3}(?:-[a-z]{3})?,?)+) +)?(\d\d):(\d\d)-(\d\d):(\d\d)")


class Hours(NamedTuple):
    """Hours of some days of the week, local time.

    Attributes:
        text: as it was written.
        days: days on which the hours begin, 0 for Monday.
        start: minute of the day.
        end: minute of the same day, or of the next one where it is not after `start`.
    """

    text: str
    days: frozenset[int]
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `mon-fri 08:00-17:00`, `sat,sun 00:00-24:00`, or `22:00-06:00` for every day.

        Raises:
            ValueError: it is something else.
        """
        match = _FORM.fullmatch(text.strip().lower())
        try:
            if not match:
                raise ValueError
            start, end = _minute(match[2], match[3]), _minute(match[4], match[5])
            days = frozenset(_days(match[1] or "mon-sun"))
        except ValueError:
            raise ValueError(f"{text} are no hours: write them as mon-fri 08:00-17:00") from None
        if start in (end, MINUTES_A_DAY):
            raise ValueError(f"{text} has no end: write 00:00-24:00 for a whole day")
        return cls(text, days, start, end)

    def contain(self, moment: datetime) -> bool:
        """Return whether a local time is within the hours, which may go on after midnight."""
        minute, today = moment.hour * 60 + moment.minute, moment.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or ((today - 1) % 7 in self.days and minute < self.end)

    def __str__(self) -> str:
        return self.text


def _minute(hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > MINUTES_A_DAY:
        raise ValueError
    return found


def _days(text: str) -> Iterator[int]:
    """Yield the days of `mon,wed` and `fri-mon`; ValueError where a name is no day's."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(start, end + 1 + 7 * (end < start)))
