"""Refused updates: each is one line and exit status 2, and the bundle in use stays as it was."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.base import download
from edge.fleet import archive, repository, update
from edge.model.release import installed_release

from ..http_server import Answering, respond

MEANWHILE = 0.3
"""Time limits of the downloads in these tests, seconds."""


@pytest.fixture
def board(publisher, board):
    """A board with the first release, after which a second one was published."""
    publisher.publish("first")
    assert board.update() == 0
    publisher.publish("second")
    return board


@pytest.fixture
def refused(board, capsys):
    """`refused(…)` updates the board, which must refuse, and returns the line of the error."""

    def refused(*options: str, address: str | None = None) -> str:
        before = board.current.resolve()
        content = {path: path.read_bytes() for path in before.iterdir()}
        versions = sorted((board.folder / "versions").iterdir())
        capsys.readouterr()
        assert board.update(*options, address=address) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert len(told.err.splitlines()) == 1, told.err
        assert board.current.resolve() == before
        assert {path: path.read_bytes() for path in before.iterdir()} == content
        assert sorted((board.folder / "versions").iterdir()) == versions, "nothing half-written"
        return told.err

    return refused


def recovers(board) -> bool:
    """Return whether the board gets the second release as soon as nothing is wrong any more."""
    return board.update() == 0 and installed_release(board.current).version == 2


def files(publisher, pattern: str) -> list[Path]:
    return sorted(publisher.site.glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def newest(publisher, name: str) -> Path:
    """The newest file of a role, or archive."""
    if name == "archive":
        return files(publisher, "targets/stable/*")[-1]
    return files(publisher, f"metadata/*{name}.json")[-1]


@pytest.mark.parametrize("place", [0.03, 0.5, 0.97])
@pytest.mark.parametrize("name", ["timestamp", "snapshot", "targets", "archive"])
def test_one_flipped_bit(publisher, board, refused, name, place):
    path = newest(publisher, name)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)
    assert "127.0.0.1" in refused()
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)
    assert recovers(board)


def test_an_older_state(publisher, board, refused, tmp_path):
    shutil.copytree(publisher.site, tmp_path / "old")
    publisher.publish("third")
    assert board.update() == 0
    shutil.rmtree(publisher.site)
    shutil.copytree(tmp_path / "old", publisher.site)
    assert "serves an older state than this board has seen" in refused()


def test_an_older_number_with_new_signatures(publisher, board, refused):
    """A publisher whose repository was begun anew with the old keys counts from 1 again."""
    assert board.update() == 0
    shutil.rmtree(publisher.site / "targets")
    for path in publisher.site.glob("metadata/*"):
        path.unlink()
    publisher.publish("other")
    for _ in range(3):
        publisher.publish()
    shutil.rmtree(board.folder / "metadata")
    assert "offers release 1, which is older than 2" in refused("--trust", str(publisher.root))


@pytest.mark.parametrize(("days", "what"), [(31, "timestamp.json"), (366, "root.json")])
def test_expired_metadata(publisher, board, refused, monkeypatch, days, what):
    class Past(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) - timedelta(days=days)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "datetime", Past)
        publisher.publish()
        publisher.rotate("root")
    told = refused()
    assert f"{what} is expired; this board's clock says {datetime.now(UTC):%Y-%m-%d}" in told
    assert "let the publisher sign anew" in told
    publisher.publish()
    assert recovers(board)


@pytest.mark.parametrize("name", ["snapshot", "targets", "archive"])
def test_a_mix_of_versions(publisher, board, refused, name):
    """Each file is a signed one, but they do not belong together."""
    publisher.publish("thirds")  # as long as the second
    pattern = "targets/stable/*" if name == "archive" else f"metadata/*{name}.json"
    before, last = files(publisher, pattern)[-2:]
    shutil.copyfile(before, last)
    assert "serves a file that is not the signed one" in refused()


def test_wrong_keys(publisher, board, refused, make_bundle, tmp_path):
    from .conftest import Publisher, Served

    other = Publisher(tmp_path / "other", make_bundle)
    other.publish("other")
    with Served(other.site) as served:
        assert "is not signed by the keys that this board trusts" in refused(address=served.address)
    publisher.publish()
    assert recovers(board), "what the other one has served is forgotten"


def test_a_root_that_the_trusted_one_has_not_signed(publisher, board, refused, make_bundle, tmp_path):
    from .conftest import Publisher

    other = Publisher(tmp_path / "other", make_bundle)
    other.publish("other")
    other.rotate("root")
    shutil.copyfile(other.site / "metadata" / "2.root.json", publisher.site / "metadata" / "2.root.json")
    assert "is not signed by the keys that this board trusts" in refused()


@contextmanager
def impatience(monkeypatch) -> Iterator[None]:
    """Downloads that do not wait as long as they would."""
    with monkeypatch.context() as patch:
        patch.setattr(download, "CONNECTION_TIMEOUT", MEANWHILE)
        patch.setattr(download, "TIME_LIMIT", 4 * MEANWHILE)
        yield


def from_site(publisher, handler) -> bytes:
    return (publisher.site / handler.path.lstrip("/")).read_bytes()


def send_half(handler, content: bytes) -> None:
    """Announce all of the content, and send half of it."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def stalls(server, handler, content: bytes) -> None:
    send_half(handler, content)
    server.gone.wait()


def trickles(server, handler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    for byte in content:
        handler.wfile.write(bytes([byte]))
        if server.gone.wait(MEANWHILE / 4):
            return


def never_answers(server, handler, content: bytes) -> None:
    server.gone.wait()


def sends_too_much(server, handler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not server.gone.is_set():
        handler.wfile.write(content or b" " * 1000)


def goes_away(server, handler, content: bytes) -> None:
    send_half(handler, content)
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def sends_another_page(server, handler, content: bytes) -> None:
    respond(handler, b"<html>Welcome to the hotel's network</html>")


@pytest.mark.parametrize("at", ["timestamp.json", "snapshot.json", "targets.json", "bundle.zip"])
@pytest.mark.parametrize("does", [never_answers, stalls, trickles, sends_too_much, goes_away, sends_another_page])
def test_a_server_that(publisher, board, refused, monkeypatch, does: Callable, at: str):
    def answer(handler) -> None:
        if handler.path.endswith(at):
            does(server, handler, from_site(publisher, handler))
        else:
            try:
                respond(handler, from_site(publisher, handler))
            except FileNotFoundError:
                respond(handler, b"", 404)

    with Answering(answer) as server, impatience(monkeypatch):
        assert server.address.removeprefix("http://") in refused(address=server.address)
    assert recovers(board)


def test_a_server_that_is_not_there(board, refused):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert "check network and server" in refused(address=address)


@pytest.mark.parametrize(
    ("address", "told"),
    [("ftp://127.0.0.1/site", "is not an HTTP address"), ("site", "is not an HTTP address")],
)
def test_addresses_of_other_kinds(refused, address, told):
    assert told in refused(address=address)


def test_a_group_without_a_release(refused):
    assert "has nothing for the group canary" in refused("--group", "canary")


@pytest.mark.parametrize(("year", "month"), [(1970, 1), (2025, 12), (2026, 8)])
def test_a_board_without_a_set_clock(board, refused, monkeypatch, year, month):
    """The last clock is one of a board that was without power for months, and kept the time of that day."""
    monkeypatch.setattr(update.time, "time", lambda: datetime(year, month, 1, tzinfo=UTC).timestamp())
    told = refused()
    assert f"clock says {year}-{month:02}-01, which is past: set it" in told


def test_a_model_that_gives_no_probabilities(publisher, board, refused, make_bundle, monkeypatch):
    bundle = make_bundle(publisher.folder / "logits", model={"softmax": False}, name="logits")
    with monkeypatch.context() as patch:
        patch.setattr(archive, "validate_model", lambda bundle: None)  # a publisher who does not look
        publisher.call("publish", str(bundle))
    told = refused()
    assert "release 3 of stable is refused" in told
    assert "outputs are not probabilities" in told


def test_an_archive_with_other_files(publisher, board, refused, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(archive.LIMITS, "../../current", 1 << 20)
        patch.setattr(archive, "read_regular", lambda path, limit: b"")
        patch.setattr(repository, "check_bundle", lambda folder: "evil")
        publisher.publish("third")
    assert "the archive has ../../current, which no bundle has" in refused()


def test_a_description_that_is_none(publisher, board, refused, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(repository, "described", lambda release: {"version": "newest"})
        publisher.publish("third")
    assert "is not described as a release" in refused()


def test_the_publisher_does_not_publish_what_boards_would_refuse(publisher, make_bundle, capsys, monkeypatch):
    bundle = make_bundle(publisher.folder / "logits", model={"softmax": False}, name="logits")
    assert publisher.call("publish", str(bundle)) == 2
    assert "outputs are not probabilities" in capsys.readouterr().err
    assert not publisher.root.exists()


def test_messages_name_the_repository_once(publisher, board, refused):
    newest(publisher, "snapshot").unlink()
    told = refused()
    assert "lacks a file (127.0.0.1" in told
    assert json.loads((board.folder / "offered.json").read_text())["release"]["version"] == 1
