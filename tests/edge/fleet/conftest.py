"""A publisher with a repository of tiny bundles, a web server for it, and a board."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("tuf")
pytest.importorskip("cryptography")

from edge.app import systemd_updates
from edge.app.cli import main


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the tiny model has been validated once for all tests."""
    return tmp_path_factory.mktemp("cache")


class Publisher:
    """Publishes tiny bundles by the command line.

    Attributes:
        site, keys: folders of the repository and of its keys.
    """

    def __init__(self, folder: Path, make_bundle: Callable[..., Path]) -> None:
        self.folder, self.site, self.keys = folder, folder / "site", folder / "keys"
        self.root = self.site / "metadata" / "1.root.json"
        self._make_bundle = make_bundle

    def bundle(self, name: str) -> Path:
        return self._make_bundle(self.folder / name, name=name)

    def publish(self, name: str | None = None, *options: str) -> int:
        """Publish a bundle of that name, or sign anew."""
        return self.call("publish", *([str(self.bundle(name))] if name else []), *options)

    def rotate(self, role: str, *options: str) -> int:
        return self.call("rotate-keys", role, *options)

    def call(self, *words: str) -> int:
        return main([*words, "--repository", str(self.site), "--keys", str(self.keys)])


class Served:
    """A static web server for a folder, which a test can replace.

    Attributes:
        address: of the server.
    """

    def __init__(self, folder: Path) -> None:
        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "Served":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Board:
    """Updates a folder of bundles by the command line.

    Attributes:
        folder: of the links.
        current: link to the bundle in use.
    """

    def __init__(self, folder: Path, address: str, trust: Path) -> None:
        self.folder, self.address, self.trust = folder, address, trust
        self.current = folder / "current"

    def update(self, *options: str, address: str | None = None) -> int:
        words = ["update", "--repository", address or self.address, "--directory", str(self.folder)]
        trust = [] if "--trust" in options or (self.folder / "root.json").exists() else ["--trust", str(self.trust)]
        return main([*words, *trust, *options])

    def roll_back(self) -> int:
        return main(["update", "--rollback", "--directory", str(self.folder)])


@pytest.fixture
def publisher(tmp_path: Path, make_bundle: Callable[..., Path], validated: Path, monkeypatch) -> Publisher:
    """A publisher with nothing yet."""
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(validated))
    return Publisher(tmp_path, make_bundle)


@pytest.fixture
def served(publisher: Publisher) -> Iterator[Served]:
    """The publisher's repository on this machine."""
    with Served(publisher.site) as server:
        yield server


@pytest.fixture
def reloads(monkeypatch) -> list[str]:
    """The reloads of the service that were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(systemd_updates, "reload_service", lambda: asked.append("reload") or "reloaded")
    return asked


@pytest.fixture
def board(publisher: Publisher, served: Served, reloads: list[str], tmp_path: Path) -> Board:
    """A board that trusts the publisher and has fetched nothing yet."""
    return Board(tmp_path / "board", served.address, publisher.root)
