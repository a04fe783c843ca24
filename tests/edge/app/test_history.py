"""The command `history`: the terminal, the tables, and what it refuses."""

import csv
import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.app import cli
from edge.app.arguments import joined
from edge.base.values import parse_time
from edge.outputs.store.database import open_database

NOON = 1764244800
"""2025-11-27 12:00 UTC."""


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def history(tmp_path):
    """A history: an hour with ten happy seconds of ten, the next with two happy and two without a label."""
    path = tmp_path / "history.db"
    faces = [(NOON + i, "porch", 1, "happy", 0.9, 10) for i in range(10)]
    faces += [(NOON + 3600 + i, "porch", 2, "happy" if i < 2 else None, 0.5, 9) for i in range(4)]
    faces += [(NOON, "hall", 1, "sad", 0.7, 10)]
    events = [
        (NOON + 0.25, "porch", "face_appeared", 1, None, None, None),
        (NOON + 1.5, "porch", "emotion_changed", 1, "happy", None, 1.25),
        (NOON + 2.0, "hall", "face_left", 1, "sad", None, 8.0),
    ]
    with closing(open_database(path)) as connection, connection:
        connection.execute("INSERT INTO class_lists (names) VALUES (?)", [json.dumps(["happy", "sad"])])
        connection.executemany("INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, 1, '[0.9, 0.1]')", faces)
        columns = "(t, camera, event, face, label, previous, duration)"
        connection.executemany(f"INSERT INTO events {columns} VALUES (?, ?, ?, ?, ?, ?, ?)", events)
        connection.execute("INSERT INTO gaps VALUES (?, ?, 12, 'database or disk is full')", [NOON + 20, NOON + 30])
    return path


DAY = ("--from", "2025-11-27", "--to", "2025-11-28")


def run(*words):
    return cli.main(["history", *map(str, words)])


def test_the_terminal_shows_shares_by_hour_events_and_gaps(history, capsys):
    assert run(history, *DAY) == 0
    assert capsys.readouterr().out.splitlines() == [
        "camera              hour  minutes  happy   sad  none",
        "hall    2025-11-27 12:00      0.0     0%  100%    0%",
        "porch   2025-11-27 12:00      0.2   100%    0%    0%",
        "porch   2025-11-27 13:00      0.1    50%    0%   50%",
        "",
        "events:",
        "  2025-11-27T12:00:00+00:00  porch  #1  face appeared",
        "  2025-11-27T12:00:01+00:00  porch  #1  none → happy, after 1.2 s",
        "  2025-11-27T12:00:02+00:00  hall  #1  face left, after 8.0 s",
        "",
        "not kept:",
        "  2025-11-27T12:00:20+00:00 to 2025-11-27T12:00:30+00:00  12 rows (database or disk is full)",
    ]


def test_hours_are_local_also_where_they_begin_at_half_past(history, capsys, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    assert run(history, *DAY, "--camera", "porch") == 0
    rows = [line.split()[:4] for line in capsys.readouterr().out.splitlines()[1:3]]
    assert rows == [["porch", "2025-11-27", "17:00", "0.2"], ["porch", "2025-11-27", "18:00", "0.1"]]


def test_a_camera_and_a_span_can_be_chosen(history, capsys):
    assert run(history, "--from", "2025-11-27T12:00:01", "--to", "2025-11-27T12:00:05", "--camera", "porch") == 0
    text = capsys.readouterr().out
    assert "hall" not in text
    assert "face appeared" not in text
    assert "none → happy" in text
    assert run(history, *DAY, "--camera", "attic") == 0
    assert "porch" not in capsys.readouterr().out


def test_the_last_day_is_shown_where_nothing_is_said(history, capsys):
    assert run(history) == 0
    assert capsys.readouterr().out.startswith("nothing from ")


def test_the_configuration_file_names_the_history(history, tmp_path, capsys):
    config = tmp_path / "home.toml"
    config.write_text(f'[store]\npath = "{history}"\n')
    assert run("--config", config, *DAY) == 0
    assert "porch" in capsys.readouterr().out


def test_csv_has_a_row_for_each_face_and_second(history, tmp_path):
    assert run(history, *DAY, "--csv", tmp_path / "faces.csv") == 0
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert rows[0] == {
        "time": "2025-11-27T12:00:00+00:00", "second": str(NOON), "camera": "hall", "face": "1", "label": "sad",
        "confidence": "0.7", "frames": "10", "p_happy": "0.9", "p_sad": "0.1",
    }  # fmt: skip
    assert rows[-1]["label"] == ""


def test_csv_of_events(history, tmp_path):
    assert run(history, *DAY, "--events", "--csv", tmp_path / "events.csv") == 0
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["event"], row["to"], row["emotion"], row["duration_s"]) for row in rows] == [
        ("face_appeared", "", "", ""),
        ("emotion_changed", "happy", "", "1.25"),
        ("face_left", "", "sad", "8.0"),
    ]


@pytest.mark.parametrize("more", [(), ("--events",)])
def test_parquet_has_the_rows_of_csv(history, tmp_path, more):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(history, *DAY, *more, "--parquet", tmp_path / "t.parquet", "--csv", tmp_path / "t.csv") == 0
    table = parquet.read_table(tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert table.column_names == list(rows[0])
    assert [[str(value or "") for value in row.values()][:4] for row in table.to_pylist()] == [
        list(row.values())[:4] for row in rows
    ]
    assert table.num_rows == len(rows)


def test_a_table_that_cannot_be_written_leaves_nothing(history, tmp_path, capsys):
    assert run(history, *DAY, "--csv", "/dev/full" if Path("/dev/full").exists() else tmp_path) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param([], "no history is named", id="none"),
        pytest.param(["nowhere.db"], "nowhere.db: there is no such file", id="absent"),
        pytest.param(["FILE", "--config", "CONFIG"], "name one of them", id="both"),
        pytest.param(["--config", "CONFIG"], "home.toml: its run keeps no history", id="a run without one"),
        pytest.param(["FILE", "--from", "2025-11-28", "--to", "2025-11-27"], "is not before --to", id="turned round"),
        pytest.param(["FILE", *DAY, "--csv", "FILE"], "is the history itself", id="onto itself"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(history, tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home.toml").write_text("source = '0'\n")
    before = history.read_bytes()
    places = {"FILE": history, "CONFIG": "home.toml"}
    assert run(*(places.get(word, word) for word in words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert history.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-11-27", NOON - 12 * 3600),
        ("2025-11-27T12:00", NOON),
        ("2025-11-27 12:00:30", NOON + 30),
        ("2025-11-27T12:00+01:00", NOON - 3600),
        ("-0s", 0),
        ("-90m", -5400),
        ("-1.5h", -5400),
        ("-1d", -86400),
        ("-1w", -7 * 86400),
    ],
)
def test_times_are_local_or_before_now(monkeypatch, text, seconds):
    now = 1.7e9
    monkeypatch.setattr(time, "time", lambda: now)
    assert parse_time(text) == (seconds if text.startswith("2") else now + seconds)


@pytest.mark.parametrize("text", ["", "yesterday", "2h", "-2", "-h", "-2x", "2025-13-01", "--2h"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("words", "joined_words"),
    [
        (["history", "--from", "-2h", "--to", "-1.5h"], ["history", "--from=-2h", "--to=-1.5h"]),
        (["run", "-", "--fps", "5"], ["run", "-", "--fps", "5"]),
        (["-2h"], ["-2h"]),
        (["--a=b", "-2h"], ["--a=b", "-2h"]),
    ],
)
def test_times_before_now_are_no_flags(words, joined_words):
    assert joined(words) == joined_words
