import numpy as np
import pytest

from edge.base.errors import UserError
from edge.faces.detector import Detection
from export.template import BORDER, ENLARGED_SIDE, measure_template
from train.dataset import Split


class Stub:
    """Finds a face at the same place of every crop that is not black."""

    def detect(self, image):
        if image.max() == 0:
            return []
        places = (0.3 + 0.4j, 0.7 + 0.4j, 0.5 + 0.6j, 0.35 + 0.8j, 0.65 + 0.8j)
        return [Detection((0.1, 0.0, 0.8, 1.0), 0.9, places).moved(ENLARGED_SIDE, BORDER * (1 + 1j))]


def crops(white: int, black: int) -> Split:
    images = np.zeros((white + black, 48, 48, 3), np.uint8)
    images[:white] = 255
    return Split(("",) * len(images), images, np.zeros(len(images), np.int64), "")


def test_places_are_relative_to_the_crop():
    template = measure_template(crops(60, 10), Stub(), 0)
    assert template["measured_on"] == 60
    assert template["landmarks"][0] == pytest.approx([0.3, 0.4], abs=1e-4)
    assert template["box"] == pytest.approx([0.1, 0.0, 0.8, 1.0], abs=1e-4)


def test_too_few_faces_are_no_measurement():
    with pytest.raises(UserError, match="a face was found in 49 of 60 training crops"):
        measure_template(crops(49, 11), Stub(), 0)
