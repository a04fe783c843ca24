import json
from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from edge.model.bundle import load_bundle  # noqa: E402
from export.convert import PLAIN, calibrate, convert_float, quantize  # noqa: E402
from export.edge_tpu import edge_tpu_obstacles  # noqa: E402
from export.graph import Graph  # noqa: E402
from train.dataset import load_split  # noqa: E402
from train.model import mirrored  # noqa: E402


@pytest.fixture(scope="module")
def int8(network, data):
    faces = load_split(data, "train", 32, 3).images[::8]
    return quantize(calibrate(network, faces, PLAIN), faces, PLAIN)


def test_every_computing_operation_of_a_float_graph_is_refused(network):
    obstacles = edge_tpu_obstacles(convert_float(network))
    assert sum("CONV_2D: " in o and "is not of 8 bits" in o for o in obstacles) >= 10
    assert any("CAST: is not among the supported operations" in o for o in obstacles)


def test_nothing_is_in_the_way_of_our_int8(int8):
    assert edge_tpu_obstacles(int8) == []


def test_a_mirrored_network_runs_two_images_at_once(network, data):
    faces = load_split(data, "train", 32, 3).images[::8]
    both = mirrored(network)
    obstacles = edge_tpu_obstacles(quantize(calibrate(both, faces, PLAIN), faces, PLAIN))
    assert len(obstacles) == 2, obstacles
    assert "REVERSE_V2: is not among the supported operations" in obstacles[0]
    assert "CONCATENATION, and " in obstacles[1] and "gives 2 images at once" in obstacles[1]


@pytest.mark.parametrize(("bundle", "obstacles"), [("default", 0), ("nano", 0), ("fer2013", 2)])
def test_what_ships_has_constant_shapes(bundle, obstacles):
    folder = Path(__file__).parents[2] / "models" / bundle
    content = load_bundle(folder).model
    graph = Graph(content)
    assert all(min(graph.shape(tensor), default=1) > 0 for tensor in graph.tensors())
    found = edge_tpu_obstacles(content)
    assert len(found) == obstacles, found
    assert found == json.loads((folder / "manifest.json").read_text())["edge_tpu_obstacles"]


def test_an_open_batch_is_refused():
    model = tf.keras.Sequential([tf.keras.Input((4, 4, 3)), tf.keras.layers.Conv2D(4, 3)])
    obstacles = edge_tpu_obstacles(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    assert "has the open shape [-1, 4, 4, 3]" in obstacles[0]


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
