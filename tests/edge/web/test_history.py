"""The history as the live page's server tells it."""

import json
import threading
import time
from contextlib import closing

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.outputs.store.database import open_database
from edge.web import app, history
from edge.web.history import asked_span

from ..patience import patiently
from .served import errors_of
from .test_web import TOKEN, ask, serve, slow_to_fill  # noqa: F401 - a fixture

NOW = int(time.time())


@pytest.fixture
def past(tmp_path):
    path = tmp_path / "history.db"
    with closing(open_database(path)) as connection, connection:
        connection.execute("INSERT INTO class_lists (names) VALUES ('[\"happy\"]')")
        rows = [(NOW - 7300 + i, "porch", 1, "happy" if i else None, 0.9, 10) for i in range(3)]
        rows += [(NOW - 7300, "hall", 1, "happy", 0.9, 10)]
        connection.executemany("INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, 1, '[1.0]')", rows)
        events = [(NOW - 7300 + i, "porch", "face_appeared", i) for i in range(5)]
        connection.executemany("INSERT INTO events (t, camera, event, face) VALUES (?, ?, ?, ?)", events)
    return path


def question(live, query="", **headers):
    status, _, content = ask(live, f"/api/v1/history{query}", **headers)
    return status, json.loads(content)


def test_hours_and_events_of_a_camera(serve, past):  # noqa: F811
    with serve(history=past) as live:
        status, answer = question(live, "?from=-1d&camera=porch")
        assert status == 200
        assert {
            label: sum(hour["labels"].get(label, 0) for hour in answer["hours"]) for label in ("happy", "none")
        } == {
            "happy": 2,
            "none": 1,
        }
        assert {hour["camera"] for hour in answer["hours"]} == {"porch"}
        assert [event["id"] for event in answer["events"]] == list(range(5))
        assert (answer["events_left_out"], answer["gaps"]) == (False, [])
        assert {hour["camera"] for hour in question(live)[1]["hours"]} == {"porch", "hall"}
        assert question(live, "?from=-1h")[1]["hours"] == []


def test_labels_are_counted_by_steps(serve, past):  # noqa: F811
    with serve(history=past) as live:
        answer = question(live, "?from=-3h&camera=porch&step=60")[1]
        assert question(live, "?from=-3h")[1]["steps"] == []
    counted = [label for step in answer["steps"] for label in step["labels"].items()]
    assert {name: sum(n for one, n in counted if one == name) for name in ("happy", "none")} == {"happy": 2, "none": 1}
    assert all(step["t"] % 60 == 0 and NOW - 7360 <= step["t"] <= NOW - 7298 for step in answer["steps"])


def test_rows_are_limited(serve, past, monkeypatch):  # noqa: F811
    monkeypatch.setattr(history, "MOST_EVENTS", 2)
    with serve(history=past) as live:
        answer = question(live)[1]
        assert [event["id"] for event in answer["events"]] == [3, 4]
        assert answer["events_left_out"] is True


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?from=yesterday", "yesterday is not a time"),
        ("?from=-1h&to=-2h", "must be before"),
        ("?from=-32d", "at most 31 days"),
        ("?from=2026-13-01", "is not a time"),
        ("?from=-1h&step=0", "whole seconds"),
        ("?from=-1h&step=1.5", "whole seconds"),
        ("?from=-31d&step=60", "at most 1440"),
        ("?from=-1h&step=" + "9" * 400, "whole seconds"),
    ],
)
def test_a_wrong_question_is_refused(serve, past, query, told):  # noqa: F811
    with serve(history=past) as live:
        status, answer = question(live, query)
    assert status == 400
    assert told in answer["error"]


def test_a_run_without_a_history_has_none(serve):  # noqa: F811
    with serve() as live:
        assert question(live) == (404, {"error": "this run keeps no history"})


def test_a_history_that_cannot_be_read_is_no_error_of_the_page(serve, past):  # noqa: F811
    past.write_bytes(b"broken" * 1000)
    with serve(history=past) as live:
        assert question(live)[0] == 503
        assert errors_of(live) == 0


def test_a_question_that_takes_too_long_is_given_up(serve, past, monkeypatch):  # noqa: F811
    monkeypatch.setattr(history, "QUERY_TIMEOUT", 0.0)
    with closing(open_database(past)) as connection, connection:
        rows = ((NOW - 80_000 + i,) for i in range(60_000))
        connection.executemany("INSERT INTO faces VALUES (?, 'porch', 2, 'happy', 0.9, 10, 1, '[1.0]')", rows)
    with serve(history=past) as live:
        assert question(live) == (503, {"error": "the history cannot be read, or not in time"})


def test_many_questions_hold_nothing_back(serve, past, monkeypatch):  # noqa: F811
    asked, go_on = threading.Semaphore(0), threading.Event()

    def hours(connection, span):
        asked.release()
        go_on.wait()
        return []

    monkeypatch.setattr(history, "hours", hours)
    with serve(history=past) as live:
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(question(live)[0])) for _ in range(history.MOST_QUESTIONS)
        ]
        for thread in threads:
            thread.start()
        asked.acquire()
        patiently(lambda: live.history.waiting == history.MOST_QUESTIONS)
        assert question(live)[0] == 503
        assert ask(live, "/api/v1/stats")[0] == 200
        go_on.set()
        for thread in threads:
            thread.join()
        assert answers == [200] * history.MOST_QUESTIONS


def test_questions_of_one_address_are_limited(serve, past, monkeypatch):  # noqa: F811
    monkeypatch.setattr(app, "Rate", slow_to_fill)
    with serve(history=past) as live:
        assert [question(live)[0] for _ in range(11)][-1] == 429


def test_the_token_is_needed(serve, past, monkeypatch):  # noqa: F811
    monkeypatch.setenv("EMOTION_EDGE_WEB_TOKEN", TOKEN)
    with serve(history=past) as live:
        assert question(live)[0] == 401
        assert question(live, Authorization=f"Bearer {TOKEN}")[0] == 200


def test_the_last_day_is_meant_where_nothing_is_said():
    span = asked_span({})
    assert span.end - span.begin == 86400
    assert abs(span.end - time.time()) < 60
    assert span.camera is None
