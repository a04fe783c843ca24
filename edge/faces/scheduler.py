"""Schedule which faces are classified in a frame; the others keep their last result."""

from collections.abc import Callable, Collection
from itertools import islice


class ClassificationScheduler:
    """Schedules the faces that have waited longest; for one thread."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # frame of the last classification, by face
        self._frame = 0

    def take(self, faces: Collection[int], most: int, is_readable: Callable[[int], bool]) -> set[int]:
        """Return the faces to classify now; they count as classified.

        Args:
            faces: ids of the tracks in the frame.
            most: number of faces, those that have waited longest. Faces that were never classified, or not since they
                were out of sight, are added: they have no result yet, or an old one.
            is_readable: asked when it is a face's turn. One that cannot be read passes its turn on and waits further,
                so that it is among the first as soon as it can.
        """
        self._frame += 1
        new = [face for face in faces if face not in self._last]
        waiting = sorted((face for face in faces if face in self._last), key=self._last.__getitem__)
        turn = {*filter(is_readable, new), *islice(filter(is_readable, waiting), most)}
        self._last = {face: self._last[face] for face in waiting} | dict.fromkeys(turn, self._frame)
        return turn
