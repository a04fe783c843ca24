"""Snapshots of rules as the live page's server tells and serves them."""

import asyncio
import json
import threading
import time
import weakref

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.base.settings import Rule, Snapshot
from edge.outputs.rules.album import Album
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.snapshot import TakeSnapshot
from edge.outputs.store.database import open_database
from edge.web.topics import Topic, joined

from ..stand_ins import picture, result
from .served import errors_of
from .test_web import TOKEN, ask, events_of, following, serve  # noqa: F401 - a fixture


class Camera:
    """A rule that takes snapshots, and the album that they are in."""

    def __init__(self, folder):
        self.folder, settings = folder, Snapshot(folder)
        self.album = Album([Rule("visitor", "face_appeared", snapshot=settings)])
        self._action = TakeSnapshot(folder, settings, self.album)

    def take(self, t):
        self._action.run(
            Trigger("visitor", "face_appeared", t, "test", face=1, result=result(0, image=picture())), threading.Event()
        )


@pytest.fixture
def camera(tmp_path):
    return Camera(tmp_path / "snapshots")


@pytest.fixture
def past(tmp_path):
    path = tmp_path / "history.db"
    open_database(path).close()
    return path


def test_the_history_lists_them_and_each_is_served(serve, camera, past):  # noqa: F811
    camera.take(time.time() - 60)
    with serve(history=past, album=camera.album) as live:
        (listed,) = json.loads(ask(live, "/api/v1/history?from=-1h")[2])["snapshots"]
        status, headers, content = ask(live, f"/api/v1/snapshots/{listed['picture']}")
        assert json.loads(ask(live, "/api/v1/history?from=-1h&camera=hall")[2])["snapshots"] == []
    (path,) = camera.folder.iterdir()
    assert (status, content) == (200, path.read_bytes())
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == "no-store"
    assert (listed["rule"], listed["when"], listed["camera"], listed["face"]) == ("visitor", "face_appeared", "test", 1)


def test_a_new_one_is_told_to_who_follows(serve, camera):  # noqa: F811
    with serve(album=camera.album) as live, following(live, "/events") as answer:
        camera.take(1000.0)
        told = events_of(answer, "snapshot")
        assert ask(live, f"/api/v1/snapshots/{told['picture']}")[0] == 200
    assert told["t"] == 1000.0


def test_each_of_many_is_told(serve, camera):  # noqa: F811
    with serve(album=camera.album) as live, following(live, "/events") as answer:
        for second in range(20):
            camera.take(1000.0 + second)
        assert [events_of(answer, "snapshot")["t"] for _ in range(20)] == [1000.0 + second for second in range(20)]


def test_a_paused_camera_tells_none(serve, camera):  # noqa: F811
    with serve(album=camera.album) as live, following(live, "/events") as answer:
        live.only.gate.set("switch", True)
        camera.take(1000.0)
        live.only.gate.set("switch", False)
        camera.take(2000.0)
        assert events_of(answer, "snapshot")["t"] == 2000.0


def test_one_after_the_page_has_closed_is_kept(serve, camera):  # noqa: F811
    with serve(album=camera.album) as live:
        pass
    camera.take(1000.0)
    assert len([*camera.folder.iterdir()]) == 1
    assert errors_of(live) == 0


@pytest.mark.parametrize(
    "path",
    [
        "0/20251122-090000-none.jpg",
        "1/{name}",
        "-1/{name}",
        "0x0/{name}",
        "0/..%2Fhistory.db",
        "0/..%2fsnapshots%2f{name}",
        "0/%2e%2e/history.db",
        "0/{name}%00",
        "0/{name}/",
        "0/",
        "0/%ff",
    ],
)
def test_nothing_else_is_served(serve, camera, past, path):  # noqa: F811
    camera.take(1000.0)
    (kept,) = camera.folder.iterdir()
    with serve(album=camera.album) as live:
        status, _, content = ask(live, f"/api/v1/snapshots/{path.format(name=kept.name)}")
        assert errors_of(live) == 0
    assert status in (307, 404)
    assert b"JFIF" not in content


def test_the_token_and_the_name_of_the_server_are_needed(serve, camera, monkeypatch):  # noqa: F811
    camera.take(1000.0)
    address = f"/api/v1/snapshots/{camera.album.taken(0, 2000)[0]['picture']}"
    monkeypatch.setenv("EMOTION_EDGE_WEB_TOKEN", TOKEN)
    with serve(album=camera.album) as live:
        assert ask(live, address)[0] == 401
        assert ask(live, address, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert ask(live, address, Authorization=f"Bearer {TOKEN}", Host="elsewhere.example")[0] == 421


def test_a_follower_holds_no_picture_that_a_pause_takes_away():
    class Item:
        """Stands for bytes, which cannot be referred to weakly."""

    async def follow():
        topic, item = Topic(1), Item()
        held = weakref.ref(item)
        with joined([topic], b"opening") as slot:
            sent = aiter(slot)
            assert await anext(sent) == b"opening"
            topic.publish("picture", item)
            del item
            assert isinstance(await anext(sent), Item)
            topic.forget()
            assert await anext(sent) == b"", "what the server holds of the last one is replaced as well"
            return held()

    assert asyncio.run(follow()) is None


def test_a_disk_that_hangs_holds_nothing_else_up(serve, camera, monkeypatch):  # noqa: F811
    reading, go_on = threading.Event(), threading.Event()

    def read(number, name):
        reading.set()
        go_on.wait()
        raise FileNotFoundError(name)

    monkeypatch.setattr(camera.album, "read", read)
    with serve(album=camera.album) as live:
        asking = threading.Thread(target=ask, args=(live, "/api/v1/snapshots/0/20251122-090000-a.jpg"))
        asking.start()
        assert reading.wait(20)
        assert ask(live, "/api/v1/stats")[0] == 200
        go_on.set()
        asking.join()
