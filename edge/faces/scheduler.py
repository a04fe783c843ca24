"""Schedule which faces are classified in a frame; the others keep their last result."""

from collections.abc import Sequence


class ClassificationScheduler:
    """Schedules the faces that have waited longest; for one thread."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # frame of the last classification, by face
        self._frame = 0

    def take(self, faces: Sequence[int], most: int) -> set[int]:
        """Return the faces to classify now; they count as classified.

        Args:
            faces: ids of the tracks in the frame.
            most: number of faces, those that have waited longest. Faces that were not in the last frame are added: they
                have no result yet, or an old one.
        """
        self._frame += 1
        known = sorted((face for face in faces if face in self._last), key=self._last.__getitem__)
        turn = set(faces) - set(known) | set(known[:most])
        self._last = {face: self._frame if face in turn else self._last[face] for face in faces}
        return turn
