"""Pages with the reports of records between two marks; the text around them stays."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.base.record import Record, machine_name
from benchmarks.report.tables import report
from benchmarks.report.trade_off import trade_off_text
from edge.base.errors import UserError
from edge.base.files import write_whole

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"

FRONT = "accuracy-latency"
"""The picture that all records share."""

BOARDS_BEGIN = "<!-- boards: written by make boards -->"
"""In place of `BEGIN`, in the page that has the table of boards."""

Pictures = Mapping[tuple[int, str], Path]
"""Paths by index of the record and measurement; a picture of all records has the index -1."""


def check_page(path: Path) -> None:
    """Refuse a page that could not be written to after minutes of measuring.

    Raises:
        UserError: there is no such page, or no place for figures in it.
    """
    _parts(path)


def write_page(path: Path, records: Sequence[Record], pictures: Pictures) -> None:
    """Replace the figures of a page.

    Raises:
        UserError: as above.
    """
    links = {key: os.path.relpath(picture, path.parent) for key, picture in pictures.items()}
    fill_page(path, reports(records, links))


def reports(records: Sequence[Record], links: Mapping[tuple[int, str], str]) -> str:
    """Reports of all records, after the table that they share."""
    shared = trade_off_text(records)
    parts = [shared] if shared else []
    parts += [f"![{FRONT}]({links[-1, FRONT]})"] if (-1, FRONT) in links else []
    for i, record in enumerate(records):
        if len(records) > 1:
            parts.append(f"### {record['bundle']['name']} on {machine_name(record)}")
        own = {measurement: link for (place, measurement), link in links.items() if place == i}
        parts += [f"Measured {record['created'][:10]}.", report(record, own)]
    return "\n\n".join(parts)


def fill_page(path: Path, text: str, begin: str = BEGIN) -> None:
    """Replace the text between a mark and the end of figures.

    Raises:
        UserError: as above.
    """
    before, after = _parts(path, begin)
    write_whole(path, f"{before}{begin}\n\n{text}\n\n{END}{after}")


def _parts(path: Path, opening: str = BEGIN) -> tuple[str, str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "name a page by --page") from error
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{path}: has no place for figures", f"put the lines '{opening}' and '{END}' into it")
    return before, after
