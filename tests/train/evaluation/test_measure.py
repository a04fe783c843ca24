import numpy as np
import pytest

from edge.base.settings import Smoothing
from tests.export.examples import LANDMARKS, bright_faces, by_brightness, measured
from train.evaluation.measure import measure


@pytest.mark.parametrize(
    ("labels", "votes", "own", "images"),
    [
        pytest.param("ferplus", True, "ferplus", 126, id="ferplus"),
        pytest.param("fer2013", True, "fer2013", 140, id="FER-2013 beside votes"),
        pytest.param("folder", False, "folder", 140, id="folder"),
        pytest.param("ferplus", False, "folder", 140, id="votes that are not there"),
    ],
)
def test_the_models_own_labels_count_where_there_are_any(labels, votes, own, images):
    m = measured(labels, votes)["float32"]
    assert m.labels == own
    assert set(m.scores) == ({"fer2013", "ferplus"} if votes else {"folder"})
    assert sum(b.images for b in m.reliability) == m.scores[own].images == m.robustness_images == images
    assert {curve[0][1] for curve in m.robustness.values()} == {m.scores[own].accuracy}


def test_votes_without_a_majority_are_as_none():
    images, classes = bright_faces(14)
    m = measure(
        by_brightness(images),
        by_brightness,
        images,
        {"folder": classes, "ferplus": np.full(14, -1)},
        "ferplus",
        LANDMARKS,
    )
    assert (m.labels, set(m.scores)) == ("folder", {"folder"})


def test_the_edges_threshold_is_among_those_measured():
    curve = measured()["int8"].risk_coverage
    assert Smoothing().unsure_below in {a.threshold for a in curve}


def test_all_variants_meet_the_same_sample():
    images, classes = bright_faces()
    seen = []

    def predict(x):
        seen.append(x)
        return by_brightness(x)

    for _ in range(2):
        m = measure(by_brightness(images), predict, images, {"folder": classes}, "folder", LANDMARKS, sample=20)
    half = len(seen) // 2
    assert m.robustness_images == 20
    assert {len(x) for x in seen} == {20}
    assert all((a == b).all() for a, b in zip(seen[:half], seen[half:], strict=True))
