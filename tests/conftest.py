"""Fixtures of all tests: the pinned third-party files, where they can be had, a run, and an eye on threads."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.base.assets import ASTRONAUT, EXPRESSIONS, YUNET, Asset, fetch
from edge.base.errors import UserError
from edge.sources.pictures import read_image


def _fetched(asset: Asset) -> Path:
    try:
        return fetch(asset)
    except UserError as error:
        pytest.skip(f"neither in the cache nor to be had: {error.problem}")


@pytest.fixture(scope="session")
def yunet() -> Path:
    """YuNet's weights; tests that find faces need them."""
    return _fetched(YUNET)


@pytest.fixture(scope="session")
def demo_clip() -> Path:
    """The clip of a woman who plays several emotions, 472 frames of 640x360."""
    return _fetched(EXPRESSIONS)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """The public-domain portrait, uint8 BGR `[512, 512, 3]`, read-only; one face, at about (180, 62, 90, 112)."""
    image = read_image(_fetched(ASTRONAUT))
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with votes, `data`, and a small network's run on it, `run`; not to be written to."""
    pytest.importorskip("tensorflow")
    from tests.train.conftest import learn

    return made_once(tmp_path_factory, "learnt", learn)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Let the first process of a session that wants a folder make it; the others wait for it."""
    import fcntl  # which Windows, where nobody trains, does not have

    own = factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            making = factory.mktemp(name)
            make(making)
            making.rename(shared)
    return shared


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """Fail a test that ends with more threads than it began with."""
    before = set(threading.enumerate())
    yield
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(20)  # on a machine that is busy with other things, too
    left = [thread.name for thread in started if thread.is_alive()]
    assert not left, f"still alive when the test ended: {left}"
