import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.errors import UserError  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.model import build_network  # noqa: E402
from train.pretrained import load_pretrained  # noqa: E402


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
    network = build_network(config, 96, batch_norm=True)
    load_pretrained(network, config, str(path))
    rng = np.random.default_rng(0)
    faces = rng.uniform(0, 1, (2, 96, 96, config.channels)).astype(np.float32)
    colour = np.repeat(faces, 3, axis=3) if grey else faces
    ours = network.get_layer("backbone")
    first = keras.Model(ours.inputs, ours.get_layer("stem_norm").output)(faces)
    theirs = keras.Model(reference.inputs, reference.get_layer("bn_Conv1").output)(2 * colour - 1)
    # All but the last row and column, where the convolution pads: with 0, which is black here and grey there.
    np.testing.assert_allclose(np.asarray(first)[:, :-1, :-1], np.asarray(theirs)[:, :-1, :-1], atol=2e-3)
    for ours_last, theirs_last in zip(
        ours.get_layer("top_norm").get_weights(), reference.get_layer("Conv_1_bn").get_weights(), strict=True
    ):
        assert (ours_last == theirs_last).all()


def test_weights_that_do_not_fit_are_refused(knobs, published, tmp_path):
    _, path = published
    wider = from_dict(knobs | {"alpha": 0.5})
    network = build_network(wider, 32, batch_norm=True)
    with pytest.raises(UserError, match=r"does not fit MobileNetV2 with alpha 0\.5"):
        load_pretrained(network, wider, str(path))
    with pytest.raises(UserError, match="no such weights file"):
        load_pretrained(network, wider, str(tmp_path / "missing.h5"))
