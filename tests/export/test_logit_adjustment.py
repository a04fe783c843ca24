import numpy as np
import pytest

keras = pytest.importorskip("keras")

from export.logit_adjustment import STRENGTHS, fit_strength, fold_logit_adjustment  # noqa: E402
from train.model import deployable  # noqa: E402

SHARES = np.array([0.3, 0.01, 0.09, 0.2, 0.2, 0.1, 0.1])


def answers(disgusted: float, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A thousand angry faces and forty of disgust, all called angry, the latter with some doubt."""
    truth = np.repeat([0, 1], [1000, count])
    probabilities = np.full((len(truth), 7), 0.01)
    probabilities[:, 1] = np.where(truth == 1, disgusted, 0.01)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    return probabilities, truth


def test_a_rare_class_is_heard_with_no_more_than_it_needs():
    strength = fit_strength(*answers(0.3), SHARES)
    assert strength in STRENGTHS
    # angry has 0.65 there: 0.65 / 0.3 < (0.3 / 0.01) ** strength
    assert strength == pytest.approx(np.ceil(np.log(0.65 / 0.3) / np.log(30) / 0.05) * 0.05)


def test_accuracy_is_not_sold():
    probabilities, truth = answers(0.3)
    truth[:] = 0  # nobody is disgusted: every change would be wrong
    assert fit_strength(probabilities, truth, SHARES) == 0


def test_nothing_is_done_where_nothing_helps():
    assert fit_strength(*answers(0.011), SHARES) == 0


def test_folding_shifts_the_logits(network):
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    faces = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    before = deployable(copy).predict(faces, verbose=0)
    fold_logit_adjustment(copy, 0.5, SHARES)
    expected = before / np.sqrt(SHARES)
    np.testing.assert_allclose(
        deployable(copy).predict(faces, verbose=0), expected / expected.sum(axis=1, keepdims=True), atol=1e-5
    )
