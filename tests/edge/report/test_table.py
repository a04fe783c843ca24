"""Rows as CSV and as Parquet, which say the same."""

import csv

import pytest

from edge.base.classes import EMOTIONS

from ..stand_ins import face, result, unread

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from pyarrow import parquet

from edge.report import table
from edge.report.table import Table

RESULTS = [result(0), result(1, face()), result(2, face(None), face(5, number=2)), result(3, unread())]


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "t.csv", tmp_path / "t.parquet"


def written(paths, results):
    with Table(*paths, EMOTIONS) as output:
        for one in results:
            output.write(one)
    with paths[0].open(newline="") as stream:
        return list(csv.DictReader(stream)), parquet.read_table(paths[1])


def test_a_row_a_face_a_frame(paths):
    rows, _ = written(paths, RESULTS)
    assert [(row["frame"], row["person"]) for row in rows] == [("1", "1"), ("2", "1"), ("2", "2"), ("3", "1")]
    assert [row["time_s"] for row in rows] == ["1001", "1002", "1002", "1003"]
    assert [row["emotion"] for row in rows] == ["happy", "", "sad", ""]


def test_a_face_that_was_not_read_has_its_reason_and_no_figures(paths):
    rows, columns = written(paths, RESULTS)
    figures = ["confidence", *(f"p_{name}" for name in EMOTIONS)]
    assert (rows[-1]["reason"], {rows[-1][name] for name in figures}) == ("small", {""})
    assert {columns.to_pylist()[-1][name] for name in figures} == {None}


def test_both_say_the_same_and_what_the_records_say(paths):
    rows, columns = written(paths, RESULTS)
    assert list(rows[0]) == columns.column_names == [name for name, _, _ in table.columns(EMOTIONS)]
    for row, stored in zip(rows, columns.to_pylist(), strict=True):
        for name, value in stored.items():
            expected = "" if value is None else value if isinstance(value, str) else pytest.approx(float(row[name]))
            assert (row[name] if isinstance(expected, str) else value) == expected
    for stored, one in zip(columns.to_pylist()[1:3], RESULTS[2].faces, strict=True):
        record = one.record()
        assert [stored[f"p_{name}"] for name in EMOTIONS] == pytest.approx(list(record["probabilities"].values()))
        assert [stored[k] for k in ("x", "y", "width", "height")] == pytest.approx(record["box"])


def test_types_and_meanings_are_in_the_file(paths):
    _, columns = written(paths, RESULTS)
    types = {field.name: str(field.type) for field in columns.schema}
    assert types["frame"] == "int64"
    assert types["time_s"] == "double"
    assert types["emotion"] == types["reason"] == "string"
    assert {types[f"p_{name}"] for name in EMOTIONS} == {"float"}
    assert all(field.metadata[b"meaning"] for field in columns.schema)


def test_no_face_at_all_is_a_table_without_rows(paths):
    rows, columns = written(paths, [result(0)])
    assert (rows, columns.num_rows) == ([], 0)
    assert "p_happy" in columns.column_names


def test_rows_are_written_as_they_come(paths, monkeypatch):
    monkeypatch.setattr(table, "ROW_GROUP_ROWS", 10)
    rows, columns = written(paths, [result(i, face()) for i in range(25)])
    assert [int(row["frame"]) for row in rows] == columns["frame"].to_pylist() == list(range(25))
    groups = parquet.ParquetFile(paths[1]).metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [10, 10, 5]


def test_no_more_rows_than_a_batch_are_kept(paths, monkeypatch):
    monkeypatch.setattr(table, "ROW_GROUP_ROWS", 10)
    batches, write_batch = [], table.ParquetWriter.write_batch

    def note(writer, batch):
        batches.append((i, batch.num_rows))
        write_batch(writer, batch)

    monkeypatch.setattr(table.ParquetWriter, "write_batch", note)
    with Table(*paths, EMOTIONS) as output:
        for i in range(35):
            output.write(result(i, face()))
    assert batches == [(9, 10), (19, 10), (29, 10), (34, 5)]
