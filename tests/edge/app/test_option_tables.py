"""Tables of options in the documentation."""

from pathlib import Path

import pytest

from edge.app.cli import COMMANDS
from edge.app.option_tables import MARKS, filled, table
from edge.base.options import declared
from edge.base.settings import Run

DOCS = sorted((Path(__file__).parents[3] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_pages_have_the_options_as_they_are_declared(page):
    text = page.read_text()
    assert filled(text) == text, "run 'python -m edge.app.option_tables docs/*.md'"


def test_every_option_of_a_run_has_a_row():
    text = table("run")
    assert all(f"| `{one.option.flag}" in text for one in declared(Run) if one.option.flag.startswith("-"))
    assert "| `--smoothing-ms MS` | 300 | " in text
    assert "| `--web [HOST:PORT]` |  | " in text
    assert "| `--no-window` |  | do not show a window |" in text
    assert "; from 0 to 1 |" in text


def test_options_that_a_run_has_are_in_its_table_alone():
    assert "--variant" not in table("analyze")
    assert "| `--blur` |  | " in table("analyze")


def test_what_stands_around_a_table_stays():
    page = "before\n<!-- options of demo: x -->\nold\n<!-- end of options -->\nafter\n"
    begin, _, end = filled(page).partition("| `--directory DIR` | demo | folder of the results |")
    assert begin.startswith("before\n<!-- options of demo: x -->\n")
    assert "old" not in begin + end
    assert end.endswith("<!-- end of options -->\nafter\n")
    assert filled(filled(page)) == filled(page)


def test_marks_name_commands():
    named = {marks[1] for page in DOCS for marks in MARKS.findall(page.read_text())}
    assert {"run", "analyze"} <= named <= set(COMMANDS)
