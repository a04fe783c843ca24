import numpy as np
import pytest

from edge.errors import UserError
from export.parity import Parity, compare, require_parity


def test_differences_are_counted():
    reference = np.eye(7, dtype=np.float32)[[0, 1, 2, 3]]
    variant = np.eye(7, dtype=np.float32)[[0, 1, 2, 4]] * 0.9 + 0.1 / 7
    parity = compare(reference, variant, np.array([0, 1, 5, 3]))
    assert parity.agreement == 0.75
    assert parity.accuracy_loss == 0.25
    assert parity.largest_difference == pytest.approx(1 - 0.1 / 7)
    assert 0 < parity.mean_difference < 0.2


@pytest.mark.parametrize(
    ("agreement", "loss", "passes"),
    [(0.96, 0.005, True), (0.94, 0.0, False), (0.99, 0.02, False)],
)
def test_the_gate(agreement, loss, passes):
    parity = Parity(agreement, loss, 0.0, 0.0)
    if passes:
        require_parity("int8", parity)
    else:
        with pytest.raises(UserError, match="int8 agrees with float32 on"):
            require_parity("int8", parity)
