import numpy as np
import pytest

pytest.importorskip("keras")

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from export.exporter import VariantResult, check_parity
from export.parity import compare
from train.evaluation.evaluate import evaluate


def sure(classes: np.ndarray) -> np.ndarray:
    """Probabilities that answer with these classes."""
    return np.eye(7, dtype=np.float32)[classes] * 0.8 + 0.2 / 7


@pytest.fixture
def truth() -> np.ndarray:
    return np.repeat(np.arange(7), 200)


def test_differences_are_counted():
    reference = np.eye(7, dtype=np.float32)[[0, 1, 2, 3, 6]]
    variant = np.eye(7, dtype=np.float32)[[0, 1, 2, 4, 0]] * 0.9 + 0.1 / 7
    parity = compare(reference, variant, np.array([0, 1, 5, 3, -1]))
    assert parity.agreement == 0.6
    assert parity.accuracy_loss == 0.25  # the last is unclear, and counts for agreement only
    assert parity.recall_loss == (0, 0, 0, 1, 0, 0, 0)
    assert parity.support == (1, 1, 0, 1, 0, 1, 0)
    assert parity.macro_f1_loss == pytest.approx(3 / 4 - 2 / 4)  # four classes occur, and happy is lost
    assert parity.largest_difference == pytest.approx(1 - 0.1 / 7)
    assert parity.as_dict()["recall_loss"] == [0, 0, 0, 1, 0, 0, 0]


def test_a_variant_that_is_better_passes(truth):
    worse = truth.copy()
    worse[::50] = (worse[::50] + 1) % 7
    assert compare(sure(worse), sure(truth), truth).faults() == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        pytest.param(slice(0, 0), None, id="nothing"),
        pytest.param(slice(0, 2), None, id="one point of one class, 0.14 in all"),
        pytest.param(slice(0, 3), "loses 1.5 points of recall of angry", id="more of one class"),
        pytest.param(slice(0, None, 100), "loses 1.00 points of accuracy", id="a little of each class"),
        pytest.param(slice(0, None, 25), "agrees on 96.0% of the labels", id="too many labels"),
    ],
)
def test_the_gate(truth, changed, fault):
    answers = truth.copy()
    answers[changed] = (answers[changed] + 1) % 7
    parity = compare(sure(truth), sure(answers), truth)
    found = parity.faults()
    assert any(fault in one for one in found) if fault else not found


@pytest.mark.parametrize(
    ("lost", "faults"),
    [(1, []), (2, [f"loses 6.7 points of recall of {EMOTIONS[0]} (at most 3.3)"])],
)
def test_a_small_class_may_lose_an_image_but_not_two(lost, faults):
    truth = np.repeat(np.arange(7), [30, 400, 400, 400, 400, 400, 400])
    answers = truth.copy()
    answers[:lost] = 1
    found = compare(sure(truth), sure(answers), truth).faults()
    assert [fault for fault in found if "recall" in fault] == faults
    assert bool(found) == bool(faults)


@pytest.mark.parametrize(("lost", "refused"), [(1, False), (2, True)])
def test_a_small_test_split_may_lose_an_image_but_not_two(lost, refused):
    truth = np.repeat([0, 1], 50)
    answers = truth.copy()
    answers[:lost] = 1
    odds = [np.eye(2)[labels] * 0.9 + 0.05 for labels in (truth, answers)]
    found = compare(*odds, truth, ("smiling", "not smiling")).faults()
    assert bool([fault for fault in found if "accuracy" in fault]) == refused
    assert bool(found) == refused


def test_the_dynamic_range_variant_is_left_out_and_any_other_refused(truth):
    evaluation = evaluate(sure(truth), {"folder": truth})
    good, bad = compare(sure(truth), sure(truth), truth), compare(sure(truth), sure((truth + 1) % 7), truth)
    results = {
        name: VariantResult(b"", sure(truth), evaluation, parity)
        for name, parity in (("float32", good), ("dynamic", bad))
    }
    passed, left_out = check_parity(results, "make debug")
    assert list(passed) == ["float32"]
    assert left_out[0].startswith("dynamic is left out: it agrees on 0.0% of the labels")
    with pytest.raises(UserError, match=r"int8 does not agree with float32: it agrees .*: diagnose it by: make debug"):
        check_parity(results | {"int8": results["dynamic"]}, "make debug")
