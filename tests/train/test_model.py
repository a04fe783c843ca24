import numpy as np
import pytest

keras = pytest.importorskip("keras")

from train.config import from_dict  # noqa: E402
from train.model import (  # noqa: E402
    LUMA,
    build_network,
    copy_weights,
    deployable,
    head_layers,
    mirrored,
    multiply_adds,
)


def test_the_deployable_model_takes_raw_pixels(config):
    network = build_network(config, 64)
    model = deployable(network)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    probabilities = model.predict(pixels, verbose=0)
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    grey = (pixels / 255 @ np.array(LUMA))[..., None].astype(np.float32)
    np.testing.assert_allclose(probabilities, network.predict(grey, verbose=0), atol=1e-4)


def test_each_kind_of_label_has_a_head_on_one_backbone(knobs, tmp_path):
    network = build_network(from_dict(knobs | {"labels": ["ferplus", "folder"]}), 32)
    assert [head.name for head in head_layers(network)] == ["ferplus", "folder"]
    rng = np.random.default_rng(0)
    for head in head_layers(network):
        head.set_weights([rng.normal(0, 1, w.shape) for w in head.get_weights()])
    grey = rng.integers(0, 256, (3, 32, 32, 1), np.uint8)
    expected = network.predict(grey / np.float32(255), verbose=0)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    for kind, answers in zip(("ferplus", "folder"), expected, strict=True):
        deployable(network, kind).save(tmp_path / "alone.keras")
        alone = keras.models.load_model(tmp_path / "alone.keras")
        np.testing.assert_allclose(alone.predict(np.repeat(grey, 3, axis=3), verbose=0), answers, atol=1e-4)
        assert [head.name for head in head_layers(alone.get_layer("network"))] == [kind]


def test_weights_move_between_resolutions_and_forms(config):
    source = build_network(config, 48, batch_norm=True, training=True)
    target = build_network(config, 32)
    copy_weights(source, target)
    for ours, theirs in zip(*(n.get_layer("folder").get_weights() for n in (target, source)), strict=True):
        assert (ours == theirs).all()
    ours, theirs = (n.get_layer("backbone").get_layer("top").get_weights()[0] for n in (target, source))
    np.testing.assert_allclose(ours, theirs / np.sqrt(1 + 1e-3), rtol=1e-5)  # its normalization has seen nothing yet


def test_multiply_adds_are_those_of_the_paper(knobs):
    """MobileNetV2 1.0 at 224: 300 million with its classifier, on three planes."""
    config = from_dict(knobs | {"alpha": 1.0, "image_size": 224, "grey": False, "head": [1000]})
    assert multiply_adds(build_network(config, 224)) == pytest.approx(300e6, rel=0.01)
    # Seen enlarged, a face of half the size costs as much as the enlarged one.
    halved = from_dict(knobs | {"alpha": 1.0, "image_size": 112, "grey": False, "head": [1000]})
    assert multiply_adds(build_network(halved, 224)) == multiply_adds(build_network(config, 224))


def test_a_mirrored_network_does_not_tell_left_from_right(config):
    network, rng = build_network(config, 64), np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.3, weights.shape) for weights in network.get_weights()])
    both = mirrored(network)
    faces = rng.random((5, 32, 32, 1), np.float32)
    answers = both.predict(faces, verbose=0)
    assert answers.shape == (5, 7)
    np.testing.assert_allclose(answers, both.predict(faces[:, :, ::-1], verbose=0), atol=1e-5)
    assert np.abs(network.predict(faces, verbose=0) - network.predict(faces[:, :, ::-1], verbose=0)).max() > 1e-4
    symmetric = np.concatenate([faces[:, :, :16], faces[:, :, 15::-1]], axis=2)
    np.testing.assert_allclose(both.predict(symmetric, verbose=0), network.predict(symmetric, verbose=0), atol=1e-5)


def test_a_mirrored_network_has_the_same_parts_and_costs_twice_but_for_the_head(config):
    network = build_network(config, 64)
    both = mirrored(network)
    assert both.get_layer("backbone") is network.get_layer("backbone")
    assert [head.name for head in head_layers(both)] == [head.name for head in head_layers(network)]
    head = multiply_adds(network) * 2 - multiply_adds(network, views=2)
    assert head == sum(w.size for w in head_layers(network)[0].get_weights() if w.ndim == 2)
