"""Sizes at which pictures are searched for faces, and tiles that take turns; needs neither OpenCV nor a detector.

The whole picture is searched coarsely, which finds all but small faces. For those it is searched finely as well, in
overlapping tiles: those of a recording one after the other, those of a live picture in turns, so that no frame takes
much longer than others.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

COARSE_SIDE = 320
"""Pixels of the longer side of a coarsely searched picture."""

FINE_SCALE = 0.5
"""Scale of a finely searched picture, up to the side that is searched at most."""

MOST_LIVE, MOST_RECORDED = 960, 1920
"""Pixels of the longer side of a finely searched picture, at most."""

FINER_BY = 1.25
"""A fine search whose side is not larger than the coarse one's by this factor is left out."""

FOUND_SIDE = 20
"""Pixels of the shorter side of a face's box, as it is searched: upright faces of this size are found."""

CERTAIN_SIDE = 21
"""Pixels of the longer side of such a box: the coarse search finds faces of this size within a few frames."""

OVERLAP = 64
"""Pixels by which finely searched tiles overlap: what is too large to be whole in one of them is found by the coarse
search, whose scale is at least a third of theirs."""

SIDE_MULTIPLE = 32
"""Sides of searched pictures are padded to multiples of this many pixels: tiles have such sides from the start."""

TILE_PIXELS = 320 * 288
"""Pixels of a tile at most: half as many again as the coarse search of a picture of 16:9 has."""

RECORDED_TILE_PIXELS = 992 * 576
"""Pixels of a recording's tile at most: one for 1920×1080, four for 3840×2160. A detector takes 90 bytes a pixel."""

MOST_PARTS = 8
"""Tiles side by side at most; a picture of 960×960 needs four."""

ROUND = 0.5
"""Seconds in which every tile has its turn, where frames come often enough: two searches a second find a face that
one of them misses."""

SLOW_FRAMES = 0.05
"""Seconds between two frames from which on one frame has time for a coarse search and a tile."""


@dataclass(frozen=True)
class Tile:
    """A part of a picture: corner, width and height in its pixels."""

    x: int
    y: int
    width: int
    height: int


def fine_side(width: int, height: int, live: bool) -> int | None:
    """Longer side, in pixels, at which a picture is searched finely; None where the coarse search is fine enough."""
    side = min(round(FINE_SCALE * max(width, height)), MOST_LIVE if live else MOST_RECORDED)
    return side if side >= FINER_BY * COARSE_SIDE else None


def smallest_face(width: int, height: int, live: bool) -> int:
    """Pixels of the shorter side of the smallest face that is found reliably."""
    longer = max(width, height)
    return math.ceil(FOUND_SIDE * longer / (fine_side(width, height, live) or min(COARSE_SIDE, longer)))


@lru_cache(4)
def tiles_for(width: int, height: int, side: int, most_pixels: int = TILE_PIXELS) -> tuple[Tile, ...]:
    """Tiles of one size that cover a picture, row by row, as few as `most_pixels` allows.

    Args:
        width: of the picture, pixels.
        height: of the picture, pixels.
        side: pixels of its longer side as it is searched.
        most_pixels: pixels of a tile as it is searched, at most.
    """
    scale = side / max(width, height)
    columns, rows, across, down = _grid(round(width * scale), round(height * scale), most_pixels)
    tile_width, tile_height = min(width, int(across / scale)), min(height, int(down / scale))
    return tuple(
        Tile(x, y, tile_width, tile_height)
        for y in _starts(height, tile_height, rows)
        for x in _starts(width, tile_width, columns)
    )


def _grid(width: int, height: int, most_pixels: int) -> tuple[int, int, int, int]:
    """Columns, rows, and width and height of a tile, of a picture as it is searched: few tiles, and nearly square."""
    grids = [(c, r, _part(width, c), _part(height, r)) for c, r in product(range(1, MOST_PARTS + 1), repeat=2)]
    small = [grid for grid in grids if grid[2] * grid[3] <= most_pixels]
    return min(small, key=lambda grid: (grid[0] * grid[1], max(grid[2:])))


def _part(length: int, count: int) -> int:
    """Length of each of so many parts that overlap, padded."""
    return SIDE_MULTIPLE * math.ceil((length + (count - 1) * OVERLAP) / count / SIDE_MULTIPLE)


def _starts(length: int, part: int, count: int) -> list[int]:
    """Starts of `count` parts, the last of which ends at `length`."""
    return [round(i * (length - part) / max(1, count - 1)) for i in range(count)]


class Rounds:
    """Decides which tile of a live picture is searched in a frame: one at most."""

    def __init__(self, tiles: tuple[Tile, ...]) -> None:
        self._tiles = tiles
        self._next, self._due = 0, -math.inf
        self._before: float | None = None
        self._put_off = False

    def turn(self, time: float, busy: bool, seconds: float) -> Tile | None:
        """The tile whose turn it is in the next frame, or None.

        Args:
            time: capture time of the frame, Unix seconds.
            busy: whether the whole picture was searched in this frame; a tile then waits once for the next frame,
                unless frames are slow.
            seconds: in which all tiles are to be searched.
        """
        step = seconds / len(self._tiles)
        if self._due > time + step:  # the clock was set back
            self._due = time
        soon = self._before is None or 0 <= time - self._before < SLOW_FRAMES
        self._before = time
        if time < self._due:
            return None
        self._put_off = busy and soon and not self._put_off
        if self._put_off:
            return None
        tile = self._tiles[self._next]
        self._next = (self._next + 1) % len(self._tiles)
        self._due = max(self._due, time - step) + step
        return tile
