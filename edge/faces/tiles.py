"""Sizes at which pictures are searched for faces, and the schedule of tiles; without OpenCV and detector.

A coarse search of the whole picture finds all but small faces. For these there is a fine search in overlapping tiles:
of a recording all tiles in one frame, of a live picture one tile in a frame, so that no frame takes much longer than
others.
"""

import math
from functools import lru_cache
from itertools import product

from edge.base.geometry import Area

COARSE_SIDE = 320
"""Longer side of a picture in the coarse search, pixels."""

FINE_SCALE = 0.5
"""Scale of a picture in the fine search, as far as the largest side allows."""

MOST_LIVE, MOST_RECORDED = 960, 1920
"""Largest longer side of a picture in the fine search, pixels."""

FINER_BY = 1.25
"""Least ratio of the fine search's side to the coarse one's; below it there is no fine search."""

FOUND_SIDE = 20
"""Shorter side of a face's box, in pixels of the search, from which on upright faces are found."""

CERTAIN_SIDE = 21
"""Longer side of such a box, from which on the coarse search finds faces within a few frames."""

OVERLAP = 64
"""Least overlap of tiles, pixels, for a fine search of up to three times the coarse one's scale; see `_overlap`."""

LARGEST_FINE = 2 * OVERLAP
"""Longer side of a face's box, pixels of the fine search, above which only the coarse search tells faces: it finds
them, and much of what fills a tile without its surroundings looks like one."""

SIDE_MULTIPLE = 32
"""The detector pads sides to multiples of this many pixels, so tiles have such sides from the start."""

TILE_PIXELS = 320 * 288
"""Most pixels of a live picture's tile: 1.5 times those of the coarse search of a 16:9 picture."""

RECORDED_TILE_PIXELS = 416 * 384
"""Most pixels of a recording's tile: four tiles for 1920×1080, 24 for 3840×2160. A detector takes 90 bytes a pixel, so
that larger tiles, of which fewer overlap, take less time and more memory."""

MOST_PARTS = 8
"""Most tiles in a row or column; a picture of 960×960 needs four."""

ROUND = 0.5
"""Seconds in which every tile is searched once, if there are enough frames. With two searches a second, the second one
finds faces that the first one misses."""

SLOW_FRAMES = 0.05
"""Seconds between two frames from which on a frame has time for the coarse search and a tile."""


def fine_side(width: int, height: int, live: bool) -> int | None:
    """Return the longer side of the fine search, pixels; None where the coarse search is fine enough."""
    side = min(round(FINE_SCALE * max(width, height)), MOST_LIVE if live else MOST_RECORDED)
    return side if side >= FINER_BY * COARSE_SIDE else None


def smallest_face(width: int, height: int, live: bool) -> int:
    """Return the shorter side of the smallest face that is found reliably, pixels."""
    longer = max(width, height)
    return math.ceil(FOUND_SIDE * longer / (fine_side(width, height, live) or min(COARSE_SIDE, longer)))


@lru_cache(4)
def tiles_for(width: int, height: int, side: int, most_pixels: int = TILE_PIXELS) -> tuple[Area, ...]:
    """Return tiles of one size that cover a picture, row by row, as few as `most_pixels` allows.

    Args:
        width: width of the picture, pixels.
        height: height of the picture, pixels.
        side: longer side of the picture in the search, pixels.
        most_pixels: most pixels of a tile in the search.
    """
    scale = side / max(width, height)
    columns, rows, across, down = _grid(round(width * scale), round(height * scale), most_pixels, _overlap(side))
    tile_width, tile_height = min(width, int(across / scale)), min(height, int(down / scale))
    return tuple(
        Area(x, y, x + tile_width, y + tile_height)
        for y in _starts(height, tile_height, rows)
        for x in _starts(width, tile_width, columns)
    )


def _overlap(side: int) -> int:
    """Return the overlap of tiles, pixels: the coarse search finds faces that are too large for it."""
    certain = CERTAIN_SIDE * side / COARSE_SIDE
    return max(OVERLAP, SIDE_MULTIPLE * math.ceil(certain / SIDE_MULTIPLE))


def _grid(width: int, height: int, most_pixels: int, overlap: int) -> tuple[int, int, int, int]:
    """Return columns, rows, width and height of tiles: as few and as nearly square as possible."""
    counts = product(range(1, MOST_PARTS + 1), repeat=2)
    grids = [(c, r, _part(width, c, overlap), _part(height, r, overlap)) for c, r in counts]
    small = [grid for grid in grids if grid[2] * grid[3] <= most_pixels]
    return min(small, key=lambda grid: (grid[0] * grid[1], max(grid[2:])))


def _part(length: int, count: int, overlap: int) -> int:
    """Return the padded length of each of `count` overlapping parts."""
    return SIDE_MULTIPLE * math.ceil((length + (count - 1) * overlap) / count / SIDE_MULTIPLE)


def _starts(length: int, part: int, count: int) -> list[int]:
    """Return the starts of `count` parts, the last of which ends at `length`."""
    return [round(i * (length - part) / max(1, count - 1)) for i in range(count)]


class Rounds:
    """Schedules the tiles of live pictures, at most one in a frame."""

    def __init__(self, tiles: tuple[Area, ...]) -> None:
        self._tiles = tiles
        self._next, self._due = 0, -math.inf
        self._before: float | None = None
        self._put_off = False

    def turn(self, time: float, busy: bool, seconds: float) -> Area | None:
        """Return the tile to search in the next frame, or None.

        Args:
            time: capture time of the frame, Unix seconds.
            busy: whether the whole picture was searched in this frame; a tile then waits once for the next frame,
                unless frames are slow.
            seconds: time in which all tiles are searched once.
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
