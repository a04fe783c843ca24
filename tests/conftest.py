"""Fixtures of all tests: the pinned third-party files, where they can be had, and an eye on threads."""

import threading
from collections.abc import Iterator
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


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """Fails a test that ends with more threads than it began with."""
    before = set(threading.enumerate())
    yield
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(20)  # on a machine that is busy with other things, too
    left = [thread.name for thread in started if thread.is_alive()]
    assert not left, f"still alive when the test ended: {left}"
