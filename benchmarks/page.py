"""Puts a record's report into a page, between two marks; what people wrote around it stays."""

from pathlib import Path

from benchmarks.report import report
from benchmarks.results import Record
from edge.errors import UserError
from edge.files import write_whole

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"

BOARDS_BEGIN = "<!-- boards: written by make boards -->"
"""In place of the first of them, in the page that has the table of boards."""


def check_page(path: Path) -> None:
    """Refuse early what could not be written to after minutes of measuring.

    Raises:
        UserError: there is no such page, or no place for figures in it.
    """
    _parts(path)


def write_page(path: Path, record: Record) -> None:
    """Replace the figures of a page.

    Raises:
        UserError: as above.
    """
    fill_page(path, f"Measured {record['created'][:10]}.\n\n{report(record)}")


def fill_page(path: Path, text: str, begin: str = BEGIN) -> None:
    """Replace what stands between a mark and the end of figures.

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
