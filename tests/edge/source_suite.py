"""Tests that all sources pass: each kind's tests inherit it and say how one is opened."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from edge.sources import Source
from edge.sources.frame import Frame


@dataclass(frozen=True)
class Promise:
    """Promised properties of a source.

    Attributes:
        name, live, fps, total: as the source gives them.
        frames: how many are read; fewer than there are of one that is `endless`.
        shape: of its pictures.
        endless: whether it goes on until it is closed.
    """

    name: str
    live: bool
    fps: float | None
    frames: int
    total: int | None
    shape: tuple[int, int, int] = (48, 64, 3)
    endless: bool = False


class SourceSuite:
    """A subclass has the fixture `opened`: a source and its `Promise`."""

    @pytest.fixture(autouse=True)
    def closed_at_last(self, opened: tuple[Source, Promise]) -> Iterator[None]:
        yield
        opened[0].close()

    def frames(self, opened: tuple[Source, Promise]) -> list[Frame]:
        source, promise = opened
        frames = [source.read() for _ in range(promise.frames)]
        assert None not in frames
        return frames

    def test_promises(self, opened):
        source, promise = opened
        found = (source.name, source.live, source.fps, source.total)
        assert found == (promise.name, promise.live, promise.fps, promise.total)

    def test_frames(self, opened):
        frames, promise = self.frames(opened), opened[1]
        assert all((f.image.shape, f.image.dtype) == (promise.shape, np.uint8) for f in frames)
        assert all(f.image.flags.c_contiguous for f in frames)
        assert all(f.source.startswith(promise.name) for f in frames)
        times = [f.captured for f in frames]
        assert sorted(set(times)) == times, "timestamps are strictly increasing"
        assert [f.arrived for f in frames] == sorted(f.arrived for f in frames)

    def test_the_end_stays_the_end(self, opened):
        self.frames(opened)
        source, promise = opened
        if promise.endless:
            source.close()
        assert source.read() is None
        assert source.read() is None

    def test_closing_twice_is_safe_and_ends_the_stream(self, opened):
        source, _ = opened
        assert source.read() is not None
        source.close()
        source.close()
        assert source.read() is None

    def test_frames_are_their_owners_to_keep(self, opened):
        first, *_ = frames = self.frames(opened)
        kept = first.image.copy()
        opened[0].close()
        del frames
        assert (first.image == kept).all()
