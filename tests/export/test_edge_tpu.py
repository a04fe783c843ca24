import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from export.convert import PLAIN, calibrate, convert_float, quantize  # noqa: E402
from export.edge_tpu import edge_tpu_obstacles  # noqa: E402
from train.dataset import load_split  # noqa: E402


@pytest.fixture(scope="module")
def int8(network, data):
    faces = load_split(data, "train", 32, 3).images[::8]
    return quantize(calibrate(network, faces, PLAIN), faces, PLAIN)


def test_every_computing_operation_of_a_float_graph_is_refused(network):
    obstacles = edge_tpu_obstacles(convert_float(network))
    assert sum("CONV_2D: " in o and "is not of 8 bits" in o for o in obstacles) >= 11
    assert any("CAST: is not among the supported operations" in o for o in obstacles)


def test_of_our_int8_only_the_open_batch_is_in_the_way(int8):
    obstacles = edge_tpu_obstacles(int8)
    assert len(obstacles) == 1, obstacles
    assert "has the open shape [-1, 32, 32, 3]" in obstacles[0]


def small_int8(layers, shape):
    model = tf.keras.Sequential([tf.keras.Input(shape, batch_size=1), *layers])
    faces = np.random.default_rng(0).uniform(0, 1, (8, 1, *shape)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([face] for face in faces)
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def test_a_graph_of_constant_sizes_passes():
    layers = [tf.keras.layers.Conv2D(4, 3, activation="relu"), tf.keras.layers.GlobalAveragePooling2D()]
    assert edge_tpu_obstacles(small_int8(layers, (8, 8, 3))) == []


@pytest.mark.parametrize(
    ("layer", "obstacle"),
    [
        (tf.keras.layers.LeakyReLU(), "LEAKY_RELU: is not among the supported operations"),
        (tf.keras.layers.Softmax(), "SOFTMAX: is over more than one row of 16,000"),
    ],
)
def test_what_the_table_does_not_list_is_named(layer, obstacle):
    found = edge_tpu_obstacles(small_int8([layer], (4, 4, 3)))
    assert any(obstacle in o for o in found), found
