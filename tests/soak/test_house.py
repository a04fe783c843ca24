"""The parts of the long run of a house; the run itself takes too long for a test."""

import sqlite3
from contextlib import closing

import pytest

from edge.app import cli
from edge.base.settings import DEFAULT_BUNDLE
from edge.outputs.store.database import open_database
from tests.soak import house as module
from tests.soak.house import Findings, Period, look_at, report, seconds_lost, write_cameras, write_config
from tests.soak.soak import Held

BEFORE = Held(100_000_000, 40, 20)
PORTS = {"broker": 1, "page": 2, "metrics": 3, "rtsp": 4, "absent": 5}


def period(at_end=BEFORE):
    """Eight samples: the start, the settled ones, and the last quarter."""
    return Period([Held(1, 1, 1)] * 2 + [BEFORE] * 4 + [at_end] * 2)


def findings(**changes):
    whole = {
        "periods": (period(), period()),
        "lost": {"hall": 0, "yard": 0},
        "history": dict.fromkeys(module.WORKING, (10, 5)),
        "damage": "ok",
        "errors": {},
        "status": 0,
    }
    return Findings(**(whole | changes))


@pytest.fixture
def history(tmp_path):
    """A history with faces of two cameras, in the seconds 100 to 104."""
    path = tmp_path / "history.db"
    with closing(open_database(path)) as connection, connection:
        connection.execute("INSERT INTO class_lists (names) VALUES ('[]')")
        connection.executemany(
            "INSERT INTO faces (second, camera, face, label, confidence, frames, class_list, probabilities)"
            " VALUES (?, ?, 1, NULL, 0.5, 1, 1, '[]')",
            [(second, camera) for second in range(100, 105) for camera in ("hall", "yard")],
        )
    return path


@pytest.mark.parametrize(
    ("at_end", "expected"),
    [
        pytest.param(Held(104_000_000, 41, 21), False, id="noise"),
        pytest.param(Held(106_000_000, 40, 20), True, id="memory"),
        pytest.param(Held(100_000_000, 42, 20), True, id="threads"),
        pytest.param(Held(100_000_000, 40, 22), True, id="files"),
    ],
)
def test_what_counts_as_growth(at_end, expected):
    assert period(at_end).grown is expected


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        pytest.param({"periods": (period(), period(Held(2**30, 40, 20)))}, "something grew", id="memory"),
        pytest.param({"lost": {"hall": 0, "yard": 2}}, "the kill lost too much", id="seconds"),
        pytest.param({"history": {"hall": (1, 1), "porch": (1, 1)}}, "a camera has no history", id="no camera"),
        pytest.param({"damage": "row 1 missing"}, "the history is damaged", id="damage"),
        pytest.param({"errors": {"errors.store": 1}}, "there were errors", id="errors"),
        pytest.param({"status": -9}, "the run did not end well", id="status"),
    ],
)
def test_what_fails(changes, failure):
    assert findings(**changes).failures == [failure]
    assert report(findings(**changes)).endswith(f"\n{failure}")


def test_a_run_without_fault_says_so():
    assert findings().failures == []
    assert report(findings()).endswith("\nnothing grew, nothing was lost")


def test_the_present_second_is_not_lost(history):
    assert [seconds_lost(history, "hall", killed) for killed in (105.9, 106.0, 108.5)] == [0, 1, 3]
    assert seconds_lost(history, "porch", 105.9) > 100, "no face at all"


def test_the_history_is_counted_by_camera_and_checked(history):
    assert look_at(history) == ({"hall": (5, 0), "yard": (5, 0)}, "ok")
    with closing(sqlite3.connect(history)) as connection, connection:
        connection.execute("INSERT INTO events (t, camera, event, face) VALUES (100.5, 'hall', 'face_appeared', 1)")
    assert look_at(history)[0]["hall"] == (5, 1)


@pytest.mark.usefixtures("yunet")
def test_the_house_has_no_mistakes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_cameras(tmp_path)
    write_config(tmp_path, DEFAULT_BUNDLE, PORTS)
    assert cli.main(["config", "check", "house.toml"]) == 0
    assert "no mistakes" in capsys.readouterr().out
