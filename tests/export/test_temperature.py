import numpy as np
import pytest

keras = pytest.importorskip("keras")

from export.temperature import HIGHEST, LOWEST, fit_temperature, fold_temperature  # noqa: E402
from train.model import deployable  # noqa: E402


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 3.0])
def test_a_known_temperature_is_found(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 7))
    truth = (softmax(logits).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)
    found = fit_temperature(softmax(logits * temperature), truth)
    assert found == pytest.approx(temperature, rel=0.05)


def test_it_stays_in_its_range():
    sure_and_right, sure_and_wrong = np.eye(7)[[0] * 50] * 0.5 + 0.5 / 7, np.array([0] * 50)
    assert fit_temperature(sure_and_right, sure_and_wrong) == pytest.approx(LOWEST)
    assert fit_temperature(sure_and_right, sure_and_wrong + 1) == pytest.approx(HIGHEST)


def test_folding_divides_the_logits(network):
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    faces = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    before = deployable(copy).predict(faces, verbose=0)
    fold_temperature(copy, 2.0)
    after = deployable(copy).predict(faces, verbose=0)
    np.testing.assert_allclose(after, softmax(np.log(before) / 2), atol=1e-5)
