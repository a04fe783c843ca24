import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.errors import UserError  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.model import build_network, copy_weights, deployable  # noqa: E402
from train.pretrained import load_pretrained  # noqa: E402
from train.small_picture_networks import SMALL_PICTURE_NETWORKS, build_resnet18  # noqa: E402


def test_resnet_is_that_of_the_paper_with_a_small_stem():
    network = build_resnet18(48, 1, 1.0, 0.9, training=False)
    assert network.output_shape == (None, 6, 6, 512)
    trained = sum(np.prod(weight.shape) for weight in network.trainable_weights)
    assert trained == 11_168_832 - 2 * 9 * 64  # less two planes of the first convolution


@pytest.mark.parametrize("name", SMALL_PICTURE_NETWORKS)
def test_a_teacher_is_a_network_like_any_other(knobs, name, tmp_path):
    small = {"alpha": 0.125, "head": [], "labels": ["ferplus", "folder"], "batch_norm_momentum": 0.0}
    config = from_dict(knobs | {"network": name} | small)
    trained, saved = build_network(config, 32, batch_norm=True, training=True), build_network(config, 32)
    rng = np.random.default_rng(0)
    trained.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in trained.get_weights()])
    faces = rng.integers(0, 256, (3, 32, 32, 1), np.uint8)
    trained(faces / np.float32(255), training=True)  # sets the statistics, without which the probabilities saturate
    copy_weights(trained, saved)
    expected = trained.predict(faces / np.float32(255), verbose=0)
    assert np.abs(expected[0] - expected[1]).max() > 1e-6
    deployable(saved, "folder").save(tmp_path / "teacher.keras")
    loaded = keras.saving.load_model(tmp_path / "teacher.keras")
    np.testing.assert_allclose(loaded.predict(np.repeat(faces, 3, axis=3), verbose=0), expected[1], atol=1e-4)


def test_there_are_no_published_weights_for_teachers(knobs):
    config = from_dict(knobs | {"network": "resnet18_48", "alpha": 0.125})
    with pytest.raises(UserError, match="no ImageNet weights for resnet18_48"):
        load_pretrained(build_network(config, 32), config, "imagenet")
