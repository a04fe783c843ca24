"""FER-2013 as a table, as its authors wrote it and as spreadsheets do."""

import re

import cv2
import pytest

from edge.base.classes import EMOTIONS
from tests.train.importer.sources import as_table, found, pixels_text, refused, table_rows, totals
from train.importer import sheet
from train.importer.build import import_data
from train.importer.report import report

FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
TEXT = "\n".join(["emotion,pixels,Usage", *(",".join(map(str, row)) for row in table_rows())]) + "\n"


def test_table_has_its_own_order_of_classes(tmp_path):
    record = import_data(as_table(tmp_path / "fer2013.csv", table_rows()), tmp_path / "out")
    expected = {f"train/{EMOTIONS.index(name)}/Training_000000{i}.png" for i, name in enumerate(FER)}
    assert set(found(tmp_path / "out")) == expected | {
        "val/3/PublicTest_0000007.png",
        "test/5/PrivateTest_0000008.png",
    }
    pixels = cv2.imread(str(tmp_path / "out/val/3/PublicTest_0000007.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (48, 48)
    assert " ".join(map(str, pixels.ravel())) == pixels_text(7)
    assert record["source"] == "fer2013.csv" and "4 sad, 5 surprise, 6 neutral" in report(record)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        re.sub(r"[^,\n]+", r'"\g<0>"', TEXT).encode(),
        TEXT.lower().encode(),
        TEXT.upper().encode(),
        TEXT.replace("emotion,pixels,Usage", " Emotion , pixels , Usage ").encode(),
        TEXT.replace("Training", "train").replace("PublicTest", "val").replace("PrivateTest", "Test").encode(),
        "".join(f"{line},more\n" for line in TEXT.splitlines()).encode(),
        re.sub(r"(?m)^\d", lambda digit: FER[int(digit[0])], TEXT).encode(),
    ],
    ids=[
        *("byte order mark", "utf-16", "utf-16-le", "utf-16-be", "crlf", "cr", "blank lines", "semicolons", "tabs"),
        *("quotes", "small letters", "capitals", "blanks", "other splits", "more columns", "names"),
    ],
)
def test_tables_of_spreadsheets(tmp_path, content):
    (tmp_path / "plain.csv").write_text(TEXT)
    (tmp_path / "other.csv").write_bytes(content)
    plain = import_data(tmp_path / "plain.csv", tmp_path / "plain")
    record = import_data(tmp_path / "other.csv", tmp_path / "other")
    assert found(tmp_path / "other") == found(tmp_path / "plain") and record["skipped"] == []
    assert record["counts"] == plain["counts"]


def test_second_edition_of_the_table(tmp_path):
    rows = [(emotion, usage, pixels) for emotion, pixels, usage in table_rows()]
    source = as_table(tmp_path / "icml_face_data.csv", rows, header="emotion, Usage, pixels")
    assert totals(import_data(source, tmp_path / "out")) == {"train": 7, "val": 1, "test": 1}


def test_a_table_without_usage_is_split(tmp_path):
    rows = [(i % 7, pixels_text(i)) for i in range(140)]
    record = import_data(as_table(tmp_path / "a.csv", rows, header="emotion,pixels"), tmp_path / "out")
    assert totals(record) == {"train": 112, "val": 14, "test": 14}
    assert all(len(set(counts.values())) == 1 for counts in record["counts"].values())


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("emotion,image,Usage", "line 1: no column pixels"),
        ("label,pixels,Usage", "line 1: no column emotion"),
        ("emotion,pixels,Pixels", "line 1: two columns pixels"),
        ("0,1 2 3,Training", "line 1: no column emotion"),
    ],
)
def test_columns_that_are_not_clear_are_refused(tmp_path, header, problem):
    refused(tmp_path, as_table(tmp_path / "a.csv", table_rows(), header), problem)


def test_numbers_that_are_not_those_of_fer2013_are_refused(tmp_path):
    rows = [*table_rows(), (7, pixels_text(9), "Training")]
    source = as_table(tmp_path / "a.csv", rows)
    refused(tmp_path, source, "number 7 in its column emotion.*CLASSES=affectnet")
    names = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
    record = import_data(source, tmp_path / "out", classes=",".join(names))
    expected = {f"train/{EMOTIONS.index(name)}/Training_000000{i}.png" for i, name in enumerate(names[:7])}
    assert {name for name in found(tmp_path / "out") if name.startswith("train")} == expected
    assert record["skipped"] == [{"file": "row 9", "reason": "emotion '7' is none of the 7 classes"}]


def test_lines_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "_MAX_LINE", 20_000)
    (tmp_path / "a.csv").write_text(TEXT + "0," + "1 " * 20_000)
    refused(tmp_path, tmp_path / "a.csv", "line 11: longer than 20,000 characters")


def test_a_cell_without_end_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(TEXT + '0,"' + "1 \n" * 100_000)
    refused(tmp_path, tmp_path / "a.csv", r"line \d+: field larger than")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((0, "1 2 3", "Training"), "pixels"),
        ((0, pixels_text(9) + " 1", "Training"), "pixels"),
        ((0, pixels_text(9).replace(" ", " 256 ", 1).rsplit(" ", 1)[0], "Training"), "pixels"),
        ((0, pixels_text(9).replace(" ", " -1 ", 1).rsplit(" ", 1)[0], "Training"), "pixels"),
        ((0, pixels_text(9).replace(" ", " x ", 1).rsplit(" ", 1)[0], "Training"), "pixels"),
        ((0, "9" * 30, "Training"), "pixels"),
        (("sorrow", pixels_text(9), "Training"), "emotion 'sorrow'"),
        (("", pixels_text(9), "Training"), "emotion ''"),
        (("7" * 5000, pixels_text(9), "Training"), "emotion '777"),
        ((0, pixels_text(9), "Elsewhere"), "Usage 'Elsewhere'"),
        ((0,), "Usage ''"),
    ],
)
def test_bad_rows_of_a_table_are_skipped(tmp_path, row, reason):
    record = import_data(as_table(tmp_path / "fer2013.csv", [row, *table_rows()]), tmp_path / "out")
    assert [item["file"] for item in record["skipped"]] == ["row 0"] and reason in record["skipped"][0]["reason"]
    assert (tmp_path / "out/test/5/PrivateTest_0000009.png").is_file()
