"""Puts a record's report into a page, between two marks; what people wrote around it stays."""

from pathlib import Path

from benchmarks.report import report
from benchmarks.results import Record
from edge.errors import UserError
from edge.files import write_whole

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


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
    before, after = _parts(path)
    write_whole(path, f"{before}{BEGIN}\n\nMeasured {record['created'][:10]}.\n\n{report(record)}\n\n{END}{after}")


def _parts(path: Path) -> tuple[str, str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "name a page by --page") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{path}: has no place for figures", f"put the lines '{BEGIN}' and '{END}' into it")
    return before, after
