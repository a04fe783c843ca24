import numpy as np
import pytest

keras = pytest.importorskip("keras")

from export.cross_layer_equalization import CEILING, MAX_SCALE, channel_scale, equalize_cross_layer  # noqa: E402


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).uniform(0, 1, (16, 32, 32, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def uneven(network):
    """The network with channels whose ranges differ a hundredfold, as training can leave them."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    rng = np.random.default_rng(1)
    for layer in copy.get_layer("backbone").layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            factor = 10.0 ** rng.uniform(-1.5, 0.0, bias.shape)
            by_output = factor[:, None] if layer.name.endswith("_depthwise") else factor
            layer.set_weights([kernel * by_output, bias * factor])
    return copy


def ranges(network, faces, suffix):
    backbone = network.get_layer("backbone")
    names = [layer.name for layer in backbone.layers if layer.name.endswith(suffix)]
    outputs = keras.Model(backbone.inputs, [backbone.get_layer(name).output for name in names])(faces)
    return [np.abs(np.asarray(values)).max(axis=(0, 1, 2)) for values in outputs]


def test_answers_stay_and_ranges_come_together(uneven, faces):
    equal = equalize_cross_layer(uneven, faces)
    np.testing.assert_allclose(equal.predict(faces, verbose=0), uneven.predict(faces, verbose=0), atol=2e-3)
    for suffix in ("_expand_relu", "_depthwise_relu"):
        for before, after in zip(ranges(uneven, faces, suffix), ranges(equal, faces, suffix), strict=True):
            raised = (before > CEILING / MAX_SCALE) & (before < CEILING)
            np.testing.assert_allclose(after[raised], CEILING, rtol=0.02)
            assert (after <= 6).all()


def test_the_network_itself_is_left_alone(uneven, faces):
    weights = [w.copy() for w in uneven.get_weights()]
    equalize_cross_layer(uneven, faces)
    assert all((a == b).all() for a, b in zip(weights, uneven.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("peaks", "clipped", "expected"),
    [
        ([5.4, 2.7, 6.0, 0.0], True, [1, 2, 1, MAX_SCALE]),
        ([8.0, 4.0, 0.001], False, [1, 2, MAX_SCALE]),
    ],
)
def test_scales(peaks, clipped, expected):
    np.testing.assert_allclose(channel_scale(np.array(peaks), clipped), expected)
