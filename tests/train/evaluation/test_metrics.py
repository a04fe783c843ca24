"""The figures against values that were computed by hand."""

import json
import math

import numpy as np
import pytest

from train.evaluation import metrics
from train.evaluation.metrics import SMALLEST_PROBABILITY, confusion_matrix, score

ONE_HOT = np.eye(7, dtype=np.float32)


def answers(*rows: tuple[int, float]) -> np.ndarray:
    """Probabilities float32 `[n, 7]` from (answered class, confidence); the other six share the rest."""
    probabilities = [np.where(np.arange(7) == c, p, (1 - p) / 6) for c, p in rows]
    return np.array(probabilities, np.float32)


def test_confusion_counts_truth_by_row_and_answer_by_column():
    confusion = confusion_matrix(np.array([0, 0, 3, 6]), np.array([0, 2, 3, 3]), 7)
    expected = np.zeros((7, 7), int)
    expected[[0, 0, 3, 6], [0, 2, 3, 3]] = 1
    assert (confusion == expected).all()


@pytest.mark.parametrize(
    ("truth", "predicted", "accuracy", "macro_f1"),
    [
        pytest.param(range(7), range(7), 1, 1, id="all right"),
        pytest.param([0, 1], [1, 0], 0, 0, id="all wrong"),
        # Class 0: precision 2/3, recall 2/2, F1 4/5. Class 1: precision 1, recall 1/2, F1 2/3.
        pytest.param([0, 0, 1, 1], [0, 0, 0, 1], 3 / 4, (4 / 5 + 2 / 3) / 2, id="mixed"),
        # The rare class is lost: nine of ten are right, and half of the classes.
        pytest.param([3] * 9 + [1], [3] * 10, 9 / 10, (18 / 19) / 2, id="rare class missed"),
        # Class 5 is answered but does not occur: it costs class 4 recall, and is no part of the mean.
        pytest.param([4, 4], [4, 5], 1 / 2, 2 / 3, id="absent class answered"),
    ],
)
def test_accuracy_and_macro_f1(truth, predicted, accuracy, macro_f1):
    scores = score(np.array(truth), ONE_HOT[list(predicted)])
    assert (scores.accuracy, scores.macro_f1) == pytest.approx((accuracy, macro_f1))


def test_per_class_figures_count_the_undefined_as_zero():
    # 0: right twice, and the answer to a 1. 1: one of two. 2: occurs, not answered. 5: the other way round.
    scores = score(np.array([0, 0, 1, 1, 2]), ONE_HOT[[0, 0, 0, 1, 5]])
    assert scores.precision == pytest.approx((2 / 3, 1, 0, 0, 0, 0, 0))
    assert scores.recall == pytest.approx((1, 1 / 2, 0, 0, 0, 0, 0))
    assert scores.f1 == pytest.approx((4 / 5, 2 / 3, 0, 0, 0, 0, 0))
    assert scores.support == (2, 2, 1, 0, 0, 0, 0)
    assert scores.images == 5
    assert scores.macro_f1 == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)


@pytest.mark.parametrize(
    ("truth", "probabilities", "error"),
    [
        pytest.param([0, 1], answers((0, 1.0), (1, 1.0)), 0, id="sure and right"),
        pytest.param([1, 0], answers((0, 1.0), (1, 1.0)), 1, id="sure and wrong"),
        pytest.param([0, 1, 1, 1], answers(*[(0, 0.25)] * 4), 0, id="as sure as right"),
        pytest.param([0, 1], answers(*[(0, 0.9)] * 2), 0.4, id="too sure"),
        pytest.param([0, 0], answers(*[(0, 0.7)] * 2), 0.3, id="not sure enough"),
        # 0.9 and 0.4 are in bins of their own: (3 * |0.9 - 2/3| + 1 * |0.4 - 1|) / 4.
        pytest.param([0, 0, 1, 2], answers(*[(0, 0.9)] * 3, (2, 0.4)), (0.7 + 0.6) / 4, id="two bins"),
        # Same bin, so that the too sure and the not sure enough cancel: |(0.95 - 1) + (0.97 - 0)| / 2.
        pytest.param([0, 1], answers((0, 0.95), (0, 0.97)), 0.46, id="one bin"),
    ],
)
def test_calibration_error(truth, probabilities, error):
    assert metrics.calibration_error(np.array(truth), probabilities) == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "probabilities", "nats"),
    [
        pytest.param([0], answers((0, 1.0)), 0, id="certain"),
        pytest.param([2], np.full((1, 7), 1 / 7, np.float32), math.log(7), id="no idea"),
        pytest.param([0, 1], answers((0, 0.5), (1, 0.25)), (math.log(2) + math.log(4)) / 2, id="mean"),
        pytest.param([1], ONE_HOT[[0]], -math.log(SMALLEST_PROBABILITY), id="zero stays finite"),
    ],
)
def test_negative_log_likelihood(truth, probabilities, nats):
    assert metrics.negative_log_likelihood(np.array(truth), probabilities) == pytest.approx(nats)


def test_equally_probable_classes_answer_the_first():
    assert score(np.array([2]), np.full((1, 7), 1 / 7)).confusion[2][0] == 1


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        pytest.param([], [], id="no images"),
        pytest.param([0, 1], [0], id="other lengths"),
        pytest.param([-1], [0], id="no majority"),
        pytest.param([0], [7], id="eighth class"),
    ],
)
def test_what_cannot_be_counted_is_refused(truth, predicted):
    with pytest.raises(ValueError, match=r"must be|classes are"):
        confusion_matrix(np.array(truth, int), np.array(predicted, int), 7)


def test_scores_go_through_json():
    record = score(np.array([0, 0, 1]), ONE_HOT[[0, 0, 0]]).as_dict()
    assert json.loads(json.dumps(record)) == record
    assert record["accuracy"] == 0.666667
    assert record["confusion"][1] == [1, 0, 0, 0, 0, 0, 0]
