"""The figures' place in a page."""

import pytest

from benchmarks.report.document import BEGIN, END, FRONT, split_page, write_page
from edge.base.errors import UserError


def test_figures_are_replaced_and_what_people_wrote_stays(record, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold figures\n{END}\n\nThe end.\n")
    for _ in range(2):
        write_page(page, [record], {})
        text = page.read_text()
        assert text.startswith(f"# Title\n\n{BEGIN}\n")
        assert text.endswith(f"{END}\n\nThe end.\n")
        assert "old figures" not in text
        assert text.count("Measured 2025-01-02.") == text.count("**This package beside") == 1


@pytest.mark.parametrize("text", [None, "no marks", BEGIN, f"{END}{BEGIN}"], ids=["absent", "none", "begin", "turned"])
def test_a_page_without_a_place_is_refused_before_anything_is_measured(text, tmp_path):
    page = tmp_path / "page.md"
    if text is not None:
        page.write_text(text)
    with pytest.raises(UserError):
        split_page(page)


def test_several_records_stand_under_one_another_with_their_own_pictures(record, tmp_path):
    page, folder = tmp_path / "docs" / "page.md", tmp_path / "docs" / "page"
    page.parent.mkdir()
    page.write_text(f"{BEGIN}{END}")
    pictures = {
        (-1, FRONT): folder / "front.png",
        (0, "latency"): folder / "tiny-latency.png",
        (1, "latency"): folder / "nano-latency.png",
    }
    nano = record | {"bundle": record["bundle"] | {"name": "nano"}}
    write_page(page, [record, nano], pictures)
    text = page.read_text()
    order = ["(page/front.png)", "### tiny on A Board", "(page/tiny-latency.png)", "### nano on A Board"]
    places = [text.index(part) for part in [*order, "(page/nano-latency.png)"]]
    assert places == sorted(places)
    assert text.count("![") == 3
