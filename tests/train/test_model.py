import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.errors import UserError  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.model import LUMA, build_network, deployable, load_pretrained  # noqa: E402


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A stand-in for the published weights: the same layout, at random, with lively statistics."""
    keras.utils.set_random_seed(5)
    reference = keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, include_top=False, weights=None)
    rng = np.random.default_rng(5)
    reference.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in reference.get_weights()])
    path = tmp_path_factory.mktemp("weights") / "published.weights.h5"
    reference.save_weights(path)
    return reference, path


@pytest.mark.parametrize("grey", [False, True])
def test_pretrained_weights_see_the_range_they_were_trained_on(knobs, published, grey):
    reference, path = published
    config = from_dict(knobs | {"image_size": 96, "grey": grey})
    network = build_network(config, 96)
    load_pretrained(network, config, str(path))
    rng = np.random.default_rng(0)
    faces = rng.uniform(0, 1, (2, 96, 96, config.channels)).astype(np.float32)
    colour = np.repeat(faces, 3, axis=3) if grey else faces
    ours = network.get_layer("backbone")
    first = keras.Model(ours.inputs, ours.get_layer("bn_Conv1").output)(faces)
    theirs = keras.Model(reference.inputs, reference.get_layer("bn_Conv1").output)(2 * colour - 1)
    # All but the last row and column, where the convolution pads: with 0, which is black here and grey there.
    np.testing.assert_allclose(np.asarray(first)[:, :-1, :-1], np.asarray(theirs)[:, :-1, :-1], atol=2e-3)


def test_weights_that_do_not_fit_are_refused(knobs, published, tmp_path):
    _, path = published
    wider = from_dict(knobs | {"alpha": 0.5})
    with pytest.raises(UserError, match=r"does not fit MobileNetV2 with alpha 0\.5"):
        load_pretrained(build_network(wider, 32), wider, str(path))
    with pytest.raises(UserError, match="no such weights file"):
        load_pretrained(build_network(wider, 32), wider, str(tmp_path / "missing.h5"))


def test_the_deployable_model_takes_raw_pixels(config):
    network = build_network(config, 64)
    model = deployable(network)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    probabilities = model.predict(pixels, verbose=0)
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    grey = (pixels / 255 @ np.array(LUMA))[..., None].astype(np.float32)
    np.testing.assert_allclose(probabilities, network.predict(grey, verbose=0), atol=1e-4)


def test_weights_move_between_resolutions(config):
    small, large = build_network(config, 32), build_network(config, 64)
    large.set_weights(small.get_weights())
    assert all((a == b).all() for a, b in zip(small.get_weights(), large.get_weights(), strict=True))
