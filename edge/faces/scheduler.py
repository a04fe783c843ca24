"""Decides which faces of a crowd are read in a frame: their probabilities are averages, which can wait some frames."""

from collections.abc import Sequence


class ClassificationScheduler:
    """Remembers who has waited longest; for one thread."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # by face, the frame in which it was read
        self._frame = 0

    def take(self, faces: Sequence[int], most: int) -> set[int]:
        """The faces to read now; they count as read.

        Args:
            faces: numbers of the tracks in the frame.
            most: how many are read, those that have waited longest. Those that were not in the last frame come on
                top: they have no answer yet, or an old one.
        """
        self._frame += 1
        known = sorted((face for face in faces if face in self._last), key=self._last.__getitem__)
        turn = set(faces) - set(known) | set(known[:most])
        self._last = {face: self._frame if face in turn else self._last[face] for face in faces}
        return turn
