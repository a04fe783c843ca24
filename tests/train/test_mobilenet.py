import numpy as np
import pytest

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

from train.batch_norm import training_batch_norm  # noqa: E402
from train.mobilenet import build_backbone, convolutions, fold_2x_stem, transfer_weights  # noqa: E402

ALPHA = 0.35


def backbone(side=32, channels=1, *, folded_2x_stem=False, batch_norm=False, training=False):
    return build_backbone(
        side, channels, ALPHA, folded_2x_stem=folded_2x_stem, batch_norm=batch_norm, momentum=0.9, training=training
    )


@pytest.fixture(scope="module")
def lively():
    """A normalized backbone whose statistics are not those of a beginning."""
    keras.utils.set_random_seed(3)
    network = backbone(batch_norm=True)
    rng = np.random.default_rng(3)
    network.set_weights([w + rng.uniform(0, 0.3, w.shape).astype(np.float32) for w in network.get_weights()])
    return network


def images(side=32, channels=1):
    return np.random.default_rng(0).uniform(0, 1, (4, side, side, channels)).astype(np.float32)


def assert_alike(found, expected, tolerance=1e-4):
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(found), expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("side", [64, 56])  # 56 is halved to 7, where odd sizes are padded
def test_it_is_the_network_that_keras_publishes_weights_for(side):
    published = keras.applications.MobileNetV2((side, side, 3), alpha=ALPHA, include_top=False, weights=None)
    rng = np.random.default_rng(1)
    published.set_weights([w + rng.uniform(0, 0.2, w.shape).astype(np.float32) for w in published.get_weights()])
    ours, weights = backbone(side, 3, batch_norm=True), iter(published.get_weights())
    for name in convolutions(ALPHA):
        ours.get_layer(name).set_weights([next(weights)])
        ours.get_layer(f"{name}_norm").set_weights([next(weights) for _ in range(4)])
    faces = images(side, 3)
    assert_alike(ours(faces, training=False), published(faces, training=False))


def test_width_and_channels_follow_the_paper():
    whole = build_backbone(96, 1, 1.0, folded_2x_stem=False, batch_norm=False, momentum=0.9, training=False)
    assert whole.output_shape == (None, 3, 3, 1280)
    assert len(convolutions(1.0)) == 52
    # 2,257,984 with Keras's three planes and normalization: less two planes of the stem, and a bias for four numbers.
    normalized = keras.applications.MobileNetV2((96, 96, 3), include_top=False, weights=None)
    statistics = sum(w.shape[0] for w in normalized.weights if w.name in ("gamma", "moving_mean", "moving_variance"))
    assert whole.count_params() == normalized.count_params() - statistics - 2 * 9 * 32


def test_normalization_is_folded_without_a_trace(lively):
    folded = backbone()
    transfer_weights(lively, folded)
    assert not [layer for layer in folded.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert_alike(folded(images()), lively(images(), training=False))


def test_layers_that_learn_answer_like_the_plain_ones(lively):
    quick = backbone(batch_norm=True, training=True)
    transfer_weights(lively, quick)
    assert_alike(quick(images(), training=False), lively(images(), training=False))


def test_quick_normalization_learns_the_same_statistics():
    x = np.random.default_rng(4).normal(2, 3, (8, 5, 5, 6)).astype(np.float32)
    quick = training_batch_norm()(momentum=0.9, epsilon=1e-3)
    plain = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)
    with tf.GradientTape(persistent=True) as tape:
        source = tf.constant(x)
        tape.watch(source)
        answers = [layer(source, training=True) for layer in (quick, plain)]
        sums = [tf.reduce_sum(answer**3) for answer in answers]
    assert_alike(answers[0], answers[1])
    # By way of the batch's own statistics, too.
    assert_alike(tape.gradient(sums[0], source), tape.gradient(sums[1], source), 1e-3)
    count = x[..., 0].size  # one divides by the count less one
    assert_alike(quick.moving_mean, plain.moving_mean)
    assert_alike((quick.moving_variance - 0.9) * (count - 1) / count, plain.moving_variance - 0.9)


def test_seeing_twice_the_size_needs_no_enlarged_image(lively):
    own, large = backbone(folded_2x_stem=True), backbone(64)
    transfer_weights(lively, large)
    transfer_weights(lively, own)
    enlarged = keras.layers.Resizing(64, 64, interpolation="bilinear")(images())
    found, expected = (
        np.asarray(keras.Model(network.inputs, network.get_layer("stem").output)(faces))
        for network, faces in ((own, images()), (large, enlarged))
    )
    assert found.shape == expected.shape == (4, 32, 32, 16)
    assert_alike(found[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], 1e-5)  # at the edge they pad differently


def test_what_is_folded_once_is_carried_as_it_is(lively):
    first, second = backbone(folded_2x_stem=True), backbone(folded_2x_stem=True)
    transfer_weights(lively, first)
    transfer_weights(first, second)
    assert all((a == b).all() for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def spaced(wide, narrow):
    return np.linspace(0, wide - 1, narrow).round().astype(int)


def test_a_narrow_network_begins_with_evenly_spaced_channels_of_a_wide_one():
    wide = build_backbone(32, 1, 1.0, folded_2x_stem=False, batch_norm=True, momentum=0.9, training=False)
    narrow = backbone(batch_norm=True)
    transfer_weights(wide, narrow)
    top, top_norm = narrow.get_layer("top"), narrow.get_layer("top_norm")
    chosen = spaced(320, 112)  # of the last block's channels; the top keeps all of its own
    assert (top.get_weights()[0] == wide.get_layer("top").get_weights()[0][:, :, chosen]).all()
    assert (top_norm.get_weights()[0] == wide.get_layer("top_norm").get_weights()[0]).all()
    made = narrow.get_layer("block_16_project").get_weights()[0]
    assert (made == wide.get_layer("block_16_project").get_weights()[0][..., chosen][:, :, spaced(960, 336)]).all()


def test_an_even_kernel_stays_even():
    kernel = fold_2x_stem(np.ones((3, 3, 1, 2), np.float32))
    assert kernel.sum() == pytest.approx(18)  # enlarging keeps the mean
