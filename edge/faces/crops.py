"""Crops of the faces in a frame that are fit to be read."""

from collections.abc import Iterable

import numpy as np

from edge.base.settings import Quality
from edge.faces.alignment import crop_face
from edge.faces.networks import Loaded
from edge.faces.quality import is_blurred, shortcoming
from edge.faces.tracker import Track
from edge.sources.pixels import Pixels


class Crops:
    """The faces of one frame, each cropped at most once, when it is asked for.

    Attributes:
        reasons: by the number of the track, why a face cannot be read: `small`, `turned` or `blurred`; None where
            nothing is known against it.
    """

    def __init__(self, pixels: Pixels, tracks: Iterable[Track], model: Loaded, needs: Quality) -> None:
        """Find the faces that are too small or turned away, which need no crop."""
        self._pixels, self._model, self._needs = pixels, model, needs
        self._detections = {track.id: track.detection for track in tracks}
        self._crops: dict[int, np.ndarray] = {}
        self.reasons = {number: shortcoming(one, needs) for number, one in self._detections.items()}

    def is_readable(self, number: int) -> bool:
        """Crop a face that is large enough and not turned away; return whether it can be read."""
        if self.reasons[number] is None and number not in self._crops:
            model, detection = self._model, self._detections[number]
            crop = crop_face(self._pixels, detection, model.template, model.classifier.input_size)
            self._crops[number] = crop
            self.reasons[number] = "blurred" if is_blurred(crop, self._needs) else None
        return self.reasons[number] is None

    def of(self, numbers: Iterable[int]) -> np.ndarray:
        """Return the crops of readable faces, uint8 RGB `[faces, size, size, 3]`."""
        return np.stack([self._crops[number] for number in numbers])
