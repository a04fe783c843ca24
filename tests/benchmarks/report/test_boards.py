"""Boards that were measured, and the others."""

import pytest

from benchmarks.base.plan import open_variants
from benchmarks.base.process import ROOT
from benchmarks.base.record import keep
from benchmarks.report.boards import PUBLISHED, board_records, boards_text, estimate, multiply_adds
from benchmarks.report.document import BOARDS_BEGIN, END
from edge.base.settings import DEFAULT_BUNDLE
from tests.benchmarks.report.test_tables import cells

PI4 = "Raspberry Pi 4 Model B"


def rows(text, board):
    return [row for row in cells(text) if row[0].startswith(board)]


def test_an_estimate_is_in_proportion_to_the_multiply_adds(bundle):
    variants = open_variants(bundle)
    assert estimate(f"{PI4} Rev 1.4", "float32", variants) == pytest.approx(46 * 21 / 300e6)  # the tiny model has 21
    assert estimate(PI4, "int8", variants) == pytest.approx(17 * 21 / 300e6)
    assert estimate("a board", "int8", variants) is estimate(PI4, "dynamic", variants) is None


def test_multiply_adds_are_those_of_the_paper_and_the_same_for_all_variants(bundle):
    assert {multiply_adds(one.model) for one in open_variants(bundle).values()} == {21}, "seven classes of three means"
    shipping = open_variants(DEFAULT_BUNDLE)["int8"]
    at_its_resolution = 300e6 * (shipping.resolution / 224) ** 2
    assert multiply_adds(shipping.model) == pytest.approx(at_its_resolution, rel=0.05)


def test_a_board_that_nobody_measured_on_says_so_beside_its_estimate(bundle):
    text = boards_text(open_variants(bundle), [])
    for board, published in PUBLISHED.items():
        assert [row[1:3] for row in rows(text, board)] == [["float32", "not measured"], ["int8", "not measured"]]
        assert all((row[3] == "–") == (not published) for row in rows(text, board))
    assert "Estimates (≈) are not measurements" in text


def test_a_measured_board_has_its_figures_and_no_gap_any_more(bundle, record):
    record["machine"]["board"] = f"{PI4} Rev 1.4"
    text = boards_text(open_variants(bundle), [record])
    assert [row[2] for row in rows(text, PI4)] == ["0.70", "0.70"]
    assert rows(text, PI4)[1][1:] == ["int8", "0.70", "≈ 0.0", "160", "8", "120", "2025-01-02"]


def test_a_record_of_another_model_says_so_and_a_gap_stays_one(bundle, record):
    record["bundle"]["variants"]["int8"]["sha256"] = "0"
    del record["figures"]["live"]
    text = boards_text(open_variants(bundle), [record])
    assert rows(text, "A Board")[1][1:] == ["int8", "0.70", "–", "160", "–", "120", "2025-01-02, another model"]


def test_records_are_read_from_a_folder_that_may_be_missing(record, tmp_path):
    assert board_records(tmp_path / "boards") == []
    keep(record, tmp_path / "boards")
    assert board_records(tmp_path / "boards") == [record]


def test_the_page_has_the_table_of_the_model_that_ships():
    """After an export or a new record: make boards."""
    page = (ROOT / "docs" / "boards.md").read_text()
    written = page.partition(BOARDS_BEGIN)[2].partition(END)[0].strip()
    assert written == boards_text(open_variants(DEFAULT_BUNDLE), board_records())
