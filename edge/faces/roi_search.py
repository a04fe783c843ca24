"""Search for faces in regions of interest about their expected places, and now and then in the whole picture."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.base.geometry import Area, Box, overlap
from edge.faces.detector import Detection, Detector, shrunk_size
from edge.faces.tiles import (
    CERTAIN_SIDE,
    COARSE_SIDE,
    LARGEST_FINE,
    MOST_RECORDED,
    RECORDED_TILE_PIXELS,
    ROUND,
    Rounds,
    fine_side,
    tiles_for,
)
from edge.sources.frame import Frame
from edge.sources.pixels import Pixels

SURROUNDINGS = 1.6
"""Side of the square region that is searched about a face, in sides of its box: it may be a third of one off."""

NEAR_SIDES = (64, 96, 128)
"""Sides at which such regions are searched, pixels: as finely as the whole picture, but never enlarged."""

MOSAIC_LAYOUTS = {4: (2, 2), 2: (1, 2), 1: (1, 1)}
"""Rows and columns of a mosaic by the number of its regions. Four small ones take half as long in one picture as one
after the other. There are few layouts, because each has a detector of its own."""

WORTH_WHILE = 0.7
"""Share of the whole picture's pixels above which searching regions takes as long as searching all of it."""

DUPLICATE_OVERLAP = 0.4
"""Overlap of two boxes above which they are the same face."""

PART_OF_FACE = 0.7
"""Share of a box's area inside a known face's box above which it is a part of that face."""


@dataclass(frozen=True)
class _Region:
    """A square part of a picture in its pixels, and the side it is searched at."""

    area: Area
    resolution: int


class Search:
    """Searches frames for faces, and decides for each where to search; for one thread."""

    def __init__(self, make: Callable[[int], Detector], side: int | None, every: float) -> None:
        """Begin without known faces.

        Args:
            make: makes a detector for pictures with a longer side of this many pixels.
            side: longer side at which whole pictures are searched, pixels; None searches coarsely, and large pictures
                finely as well (see `edge.faces.tiles`).
            every: seconds between two searches of the whole picture; 0 searches every picture.
        """
        self._make, self._side, self._every = make, side or COARSE_SIDE, every
        self._whole = make(self._side)
        self._near: dict[tuple[int, ...], Detector] = {}  # by the shape of their mosaics, made when needed
        self._fine: Detector | None = None  # likewise
        self._follows_picture, self._live = side is None, False
        self._slower = 1
        self._last: float | None = None
        self._size, self._scale = (0, 0), 1.0  # of whole pictures, and of the coarse search
        self._fine_side: int | None = None
        self._tiles: tuple[Area, ...] = ()
        self._rounds: Rounds | None = None

    def set_live(self, live: bool) -> None:
        """Choose the fine search: of live pictures one tile in a frame, of recordings all tiles at once."""
        self._live, self._size = live, (0, 0)

    def slow_down(self, factor: int) -> None:
        """Multiply the time between two searches of the whole picture by `factor`, that between tiles by its square."""
        self._slower = factor

    def reset(self) -> None:
        """Search the whole next picture."""
        self._last = None

    def find(self, frame: Frame, expected: Sequence[Detection]) -> list[Detection]:
        """Find the faces of the next frame.

        Args:
            frame: the next frame.
            expected: expected places of the last frame's faces.

        Returns:
            Detections in pixels of the frame's image, the best first.
        """
        due = self._is_due(frame)
        if due:
            self._prepare(frame)
        large = [face for face in expected if not self._is_small(face)]
        found = None if due else self._follow(frame.pixels, large)
        searched_whole = found is None
        if found is None:
            self._last, found = frame.captured, self._search_whole(frame)
        small = [face for face in expected if self._is_small(face) and not _is_among(face, found)]
        followed = self._search_regions(frame.pixels, small)
        found = _joined(found, followed)
        found = _joined(found, self._search_finely(frame, searched_whole, due or None in followed))
        return sorted(found, key=lambda face: -face.score)

    def _is_due(self, frame: Frame) -> bool:
        if self._last is None or (frame.width, frame.height) != self._size:  # expected places are then meaningless
            return True
        # A clock that was set back must not delay the next search.
        return not 0 <= frame.captured - self._last < self._every * self._slower

    def _prepare(self, frame: Frame) -> None:
        """Plan the fine search for pictures of a new size."""
        if (frame.width, frame.height) == self._size:
            return
        width, height = self._size = frame.width, frame.height
        self._scale = min(1.0, self._side / max(width, height))
        self._fine_side = fine_side(width, height, self._live) if self._follows_picture else None
        if self._fine_side is None:
            self._tiles, self._rounds = (), None
        elif self._live:
            self._tiles = tiles_for(width, height, self._fine_side)
            self._rounds = Rounds(self._tiles)
        else:
            self._tiles = tiles_for(width, height, self._fine_side, RECORDED_TILE_PIXELS)
            self._rounds = None

    def _is_small(self, face: Detection) -> bool:
        """Return whether only the fine search finds a face reliably."""
        return self._fine_side is not None and max(face.box[2:]) * self._scale < CERTAIN_SIDE

    def _search_whole(self, frame: Frame) -> list[Detection]:
        if frame.preview is None:
            size, scale = shrunk_size(frame.width, frame.height, self._side)
            image = frame.pixels.part(Area(0, 0, frame.width, frame.height), size)
        else:
            image, scale = frame.preview, frame.preview.shape[1] / frame.width
        return [face.moved(1 / scale, 0) for face in self._whole.detect(image)]

    def _follow(self, pixels: Pixels, faces: Sequence[Detection]) -> list[Detection] | None:
        """Search at the expected places; None where a face is lost, or where searching the whole picture is as fast."""
        regions = self._regions(pixels, faces)
        near = sum(region.resolution**2 for region in regions)
        whole = pixels.height * pixels.width * self._scale**2
        if len(regions) < len(faces) or near > WORTH_WHILE * whole:
            return None
        found = [face for mosaic in _mosaics(regions) for face in self._find_near(pixels, mosaic)]
        return None if None in found else _distinct(face for face in found if face)

    def _search_regions(self, pixels: Pixels, faces: Sequence[Detection]) -> list[Detection | None]:
        """Return the face in the region about each expected face, or None."""
        return [face for mosaic in _mosaics(self._regions(pixels, faces)) for face in self._find_near(pixels, mosaic)]

    def _search_finely(self, frame: Frame, searched_whole: bool, wanted: bool) -> list[Detection]:
        """Return the faces of the next tile; of a recording, those of all tiles where `wanted`."""
        if self._fine_side is None:
            return []
        if self._rounds:
            turn = self._rounds.turn(frame.captured, searched_whole, ROUND * self._slower**2)
            tiles = [turn] if turn else []
        else:
            tiles = [*self._tiles] if wanted else []
        scale = self._fine_side / max(frame.width, frame.height)
        return [face for tile in tiles for face in self._search_tile(frame.pixels, tile, scale)]

    def _search_tile(self, pixels: Pixels, tile: Area, scale: float) -> list[Detection]:
        """Return the faces that lie completely in a tile, except large ones."""
        size, scale = shrunk_size(*tile.size, round(max(tile.size) * scale))
        searched = pixels.part(tile, size)
        if self._fine is None:
            self._fine = self._make(MOST_RECORDED)
        found = [face for face in self._fine.detect(searched) if max(face.box[2:]) <= LARGEST_FINE]
        moved = [face.moved(1 / scale, complex(tile.left, tile.top)) for face in found]
        return [face for face in moved if not _is_cut(face.box, tile, pixels)]

    def _regions(self, pixels: Pixels, faces: Iterable[Detection]) -> list[_Region]:
        """Return the region about each face; none for a face whose region does not fit."""
        width, height = pixels.width, pixels.height
        regions = []
        for face in faces:
            side = round(SURROUNDINGS * max(face.box[2:]))
            resolution = next((n for n in NEAR_SIDES if n >= side * self._scale), NEAR_SIDES[-1])
            side = max(side, resolution)
            if side > min(height, width):
                continue
            left = min(max(0, round(face.centre.real - side / 2)), width - side)
            top = min(max(0, round(face.centre.imag - side / 2)), height - side)
            regions.append(_Region(Area(left, top, left + side, top + side), resolution))
        return regions

    def _find_near(self, pixels: Pixels, regions: Sequence[_Region]) -> Iterator[Detection | None]:
        """Yield the face nearest to the middle of each region of a mosaic; others are cut off and have their own."""
        rows, columns = MOSAIC_LAYOUTS[len(regions)]
        resolution = regions[0].resolution
        corners = [complex(column, row) * resolution for row in range(rows) for column in range(columns)]
        parts = [pixels.part(region.area, (resolution, resolution)) for region in regions]
        mosaic = parts[0]
        if len(parts) > 1:
            mosaic = np.vstack([np.hstack(parts[row * columns : (row + 1) * columns]) for row in range(rows)])
        if mosaic.shape not in self._near:
            self._near[mosaic.shape] = self._make(max(mosaic.shape))
        found = self._near[mosaic.shape].detect(mosaic)
        for corner, region in zip(corners, regions, strict=True):
            middle, scale = corner + resolution / 2 * (1 + 1j), region.area.width / resolution
            inside = [face for face in found if _away(face, middle) < resolution / 2]
            nearest = min(inside, key=lambda face: _away(face, middle), default=None)
            yield nearest and nearest.moved(scale, complex(region.area.left, region.area.top) - scale * corner)


def _mosaics(regions: Sequence[_Region]) -> Iterator[list[_Region]]:
    """Regions of one resolution, as many at a time as a mosaic takes."""
    for resolution in NEAR_SIDES:
        alike = [region for region in regions if region.resolution == resolution]
        while alike:
            count = next(count for count in MOSAIC_LAYOUTS if count <= len(alike))
            yield alike[:count]
            alike = alike[count:]


def _away(face: Detection, point: complex) -> float:
    """Return the distance of a face's centre from a point, along the axis where it is larger."""
    away = face.centre - point
    return max(abs(away.real), abs(away.imag))


def _is_cut(box: Box, tile: Area, pixels: Pixels) -> bool:
    """Return whether a box reaches a border of its tile inside the picture."""
    x, y, w, h = box
    return (
        (tile.left > 0 and x < tile.left)
        or (tile.top > 0 and y < tile.top)
        or (tile.right < pixels.width and x + w > tile.right)
        or (tile.bottom < pixels.height and y + h > tile.bottom)
    )


def _joined(found: list[Detection], others: Iterable[Detection | None]) -> list[Detection]:
    """Return `found` with the others that are not among it."""
    return found + _distinct(face for face in others if face and not _is_among(face, found))


def _is_among(face: Detection, others: Sequence[Detection]) -> bool:
    """Return whether another detection is the same face, or contains most of this box, which is then a part of it."""
    if not others:
        return False
    boxes, ours = np.array([other.box for other in others]), np.array([face.box])
    shared = overlap(ours, boxes)[0]
    common = shared / (1 + shared) * (ours[0, 2] * ours[0, 3] + boxes[:, 2] * boxes[:, 3])
    return bool((shared >= DUPLICATE_OVERLAP).any() or (common >= PART_OF_FACE * ours[0, 2] * ours[0, 3]).any())


def _distinct(detections: Iterable[Detection]) -> list[Detection]:
    """The best first, without those that a better one covers: two regions may have one face between them."""
    ranked = sorted(detections, key=lambda detection: -detection.score)
    if len(ranked) < 2:
        return ranked
    boxes = np.array([detection.box for detection in ranked])
    covered = overlap(boxes, boxes) >= DUPLICATE_OVERLAP
    kept: list[int] = []
    for i in range(len(ranked)):
        if not covered[i, kept].any():
            kept.append(i)
    return [ranked[i] for i in kept]
