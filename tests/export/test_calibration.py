import numpy as np
import pytest

from edge.base.errors import UserError
from export.calibration import representative_faces
from train.dataset import Split


def split(*counts: int) -> Split:
    classes = np.repeat(np.arange(7), counts)
    images = np.zeros((len(classes), 4, 4, 3), np.uint8) + classes[:, None, None, None].astype(np.uint8)
    return Split(tuple(map(str, range(len(classes)))), images, classes, "")


def classes_of(faces: np.ndarray) -> list[int]:
    return np.bincount(faces[:, 0, 0, 0], minlength=7).tolist()


@pytest.mark.parametrize(
    ("counts", "samples", "expected"),
    [
        ((100,) * 7, 350, [50] * 7),
        ((100,) * 7, 200, [29] * 4 + [28] * 3),
        ((100, 20, 100, 100, 100, 100, 100), 350, [50, 20, 50, 50, 50, 50, 50]),
    ],
)
def test_balanced_over_the_classes(counts, samples, expected):
    assert classes_of(representative_faces(split(*counts), samples, 0)) == expected


def test_a_seed_decides_the_draw():
    many = split(*(100,) * 7)
    many.images[:, 1, 1, 0] = np.arange(700) % 100
    first, again, other = (representative_faces(many, 210, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("counts", "samples", "message"),
    [
        ((100,) * 7, 199, "199 calibration images are too few"),
        ((100, 100, 0, 100, 100, 100, 100), 350, "no training image of class 'fear'"),
        ((10,) * 7, 350, "gives 70 balanced"),
    ],
)
def test_what_is_refused(counts, samples, message):
    with pytest.raises(UserError, match=message):
        representative_faces(split(*counts), samples, 0)
