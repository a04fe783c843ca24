"""Boxes and similarities against values from paper and pencil."""

import numpy as np
import pytest

from edge.base.geometry import as_box, nearest_similarity, overlap


@pytest.mark.parametrize("values", [(1, 2, 3, 4), np.array([1, 2, 3, 4], np.float32), iter([1, 2, 3, 4])])
def test_as_box_gives_plain_floats(values):
    box = as_box(values)
    assert box == (1.0, 2.0, 3.0, 4.0)
    assert {type(v) for v in box} == {float}


@pytest.mark.parametrize("values", [(1, 2, 3), (1, 2, 3, 4, 5), ()])
def test_a_box_has_four_numbers(values):
    with pytest.raises(ValueError):
        as_box(values)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((0, 0, 10, 10), (0, 0, 10, 10), 1, id="the same"),
        pytest.param((0, 0, 10, 10), (5, 0, 10, 10), 1 / 3, id="half over"),
        pytest.param((0, 0, 10, 10), (5, 5, 10, 10), 25 / 175, id="a quarter over"),
        pytest.param((0, 0, 10, 10), (2, 2, 5, 5), 0.25, id="inside"),
        pytest.param((0, 0, 10, 10), (10, 0, 10, 10), 0, id="touching"),
        pytest.param((0, 0, 10, 10), (20, 20, 5, 5), 0, id="apart in both: no product of two negatives"),
        pytest.param((0, 0, 0, 0), (0, 0, 0, 0), 0, id="without area"),
    ],
)
def test_overlap(a, b, expected):
    both = np.array([a], float), np.array([b], float)
    assert overlap(*both) == pytest.approx(np.array([[expected]]))
    assert overlap(*both[::-1]) == pytest.approx(np.array([[expected]]))


def test_overlap_of_many_is_a_table():
    a, b = np.array([[0, 0, 10, 10], [50, 0, 10, 10]], float), np.array([[5, 0, 10, 10]] * 3, float)
    assert overlap(a, b) == pytest.approx(np.array([[1 / 3] * 3, [0] * 3]))


def as_points(places: np.ndarray) -> list[complex]:
    """Rows x, y as complex numbers."""
    return [complex(x, y) for x, y in places]


@pytest.mark.parametrize("degrees", [-170, -30, 0, 12, 90])
@pytest.mark.parametrize("scale", [0.1, 1, 7])
@pytest.mark.parametrize("shift", [(0, 0), (-40, 250)])
def test_similarity_finds_the_one_that_was_applied(degrees, scale, shift):
    turn = np.deg2rad(degrees)
    expected = np.array(
        [
            [scale * np.cos(turn), -scale * np.sin(turn), shift[0]],
            [scale * np.sin(turn), scale * np.cos(turn), shift[1]],
        ]
    )
    points = np.array([[30, 40], [70, 41], [50, 60], [35, 80], [66, 79]], float)
    found = nearest_similarity(as_points(points), as_points(points @ expected[:, :2].T + expected[:, 2]))
    assert found.matrix() == pytest.approx(expected, abs=1e-9)
    assert found.back(complex(*expected[:, 2])) == pytest.approx(0, abs=1e-9)


def test_similarity_is_the_nearest_by_least_squares():
    random = np.random.default_rng(0)
    points, goals = random.uniform(0, 100, (2, 5, 2))
    found = nearest_similarity(as_points(points), as_points(goals)).matrix()

    def error(transform):
        return ((points @ transform[:, :2].T + transform[:, 2] - goals) ** 2).sum()

    for _ in range(50):
        a, b, x, y = random.normal(0, 0.01, 4)
        assert error(found) <= error(found + np.array([[a, -b, x], [b, a, y]]))


def test_similarity_does_not_mirror():
    points = np.array([[0, 0], [10, 0], [0, 10], [3, 7], [8, 8]], float)
    transform = nearest_similarity(as_points(points), as_points(points * (-1, 1))).matrix()
    assert np.linalg.det(transform[:, :2]) >= 0


def test_points_in_one_place_are_brought_to_the_middle_of_their_goals():
    assert nearest_similarity([3 + 4j] * 2, [0, 10 + 20j]).matrix() == pytest.approx(np.array([[0, 0, 5], [0, 0, 10]]))
