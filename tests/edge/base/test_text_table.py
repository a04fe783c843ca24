from edge.base.text_table import NO_VALUE, Column, draw, table

ROWS = [{"name": "a", "ms": {"p50": 1.25}, "size": 2_500_000}, {"name": "longer", "ms": None, "size": 10_000_000}]
COLUMNS = (
    Column("name", "name"),
    Column("ms", "ms.p50", ".1f"),
    Column("MB", "size", ".1f", 1e-6),
    Column("of all", lambda row, rows: row["size"] / sum(other["size"] for other in rows), ".0%"),
)


def test_columns_are_aligned_for_a_page():
    assert draw(COLUMNS, ROWS, markdown=True).splitlines() == [
        "| name   |  ms |   MB | of all |",
        "| ------ | --: | ---: | -----: |",
        "| a      | 1.2 |  2.5 |    20% |",
        "| longer |   – | 10.0 |    80% |",
    ]


def test_columns_are_aligned_for_a_terminal():
    assert draw(COLUMNS[:3], ROWS).splitlines() == ["name     ms    MB", "a       1.2   2.5", "longer    –  10.0"]


def test_a_table_without_rows_has_its_headings():
    assert draw(COLUMNS, []) == "name  ms  MB  of all"
    assert table(["a", "b"], [], markdown=True).splitlines()[0] == "| a | b |"
    assert Column("", "a.b").cell({"a": None}, ()) == NO_VALUE
