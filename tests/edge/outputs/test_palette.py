"""Colours of the classes can be told apart by people of any colour vision."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from edge.outputs.palette import CLASS_COLOURS, INK, UNSURE, colour_of

VISIONS = {
    "trichromatic": np.eye(3),
    "protanopic": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopic": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopic": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Matrices of linear RGB as it is seen: Machado, Oliveira and Fernandes 2009, https://doi.org/10.1109/TVCG.2009.113."""

DISTANCE = 15
"""Least distance of two colours in CIELAB (CIE76); shades that can just be told apart are 2.3 apart."""


def linear(colours) -> np.ndarray:
    """Linear RGB `[n, 3]` of BGR colours."""
    rgb = np.array(colours, np.float64)[:, ::-1] / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("vision", VISIONS)
def test_twelve_classes_are_told_apart(vision):
    seen = np.clip(linear(CLASS_COLOURS) @ np.array(VISIONS[vision]).T, 0, 1).astype(np.float32)
    lab = cv2.cvtColor(seen[None], cv2.COLOR_LRGB2Lab)[0]
    assert len(lab) == 12
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > DISTANCE


def test_labels_can_be_read_on_their_colours():
    luminance = linear([INK, UNSURE, *CLASS_COLOURS]) @ [0.2126, 0.7152, 0.0722]
    contrast = (luminance[1:] + 0.05) / (luminance[0] + 0.05)
    assert contrast.min() > 4.5, "WCAG 2.2, level AA"


def test_colours_repeat_and_no_label_has_one_of_its_own():
    assert (colour_of(0), colour_of(11), colour_of(12), colour_of(None)) == (
        CLASS_COLOURS[0],
        CLASS_COLOURS[11],
        CLASS_COLOURS[0],
        UNSURE,
    )
    assert UNSURE not in CLASS_COLOURS
