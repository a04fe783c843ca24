import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.classes import EMOTIONS  # noqa: E402
from edge.base.settings import VARIANTS  # noqa: E402
from edge.model.classifier import EmotionClassifier  # noqa: E402
from edge.model.interpreter import open_interpreter  # noqa: E402
from export.convert import convert  # noqa: E402
from export.graph import Graph  # noqa: E402
from export.metadata import with_metadata  # noqa: E402
from train.dataset import load_split  # noqa: E402
from train.model import deployable, mirrored  # noqa: E402


@pytest.fixture(scope="module")
def training(data):
    return load_split(data, "train", 32, 3)


@pytest.fixture(scope="module")
def models(network, training):
    return {name: with_metadata(content, EMOTIONS) for name, content in convert(network, training.images[::2]).items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_takes_the_same_bytes_and_answers_alike(variant, models, network, data):
    test = load_split(data, "test", 32, 3)
    expected = deployable(network).predict(test.images, verbose=0)
    answers = EmotionClassifier(models[variant]).classify(test.images)
    tolerance = {"float32": 1e-4, "float16": 0.03, "dynamic": 0.1, "int8": 0.2}[variant]
    assert np.abs(answers - expected).max() < tolerance
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.85


def test_every_variant_of_a_mirrored_network_answers_alike(network, training, data, models):
    test = load_split(data, "test", 32, 3)
    both = mirrored(network)
    expected = deployable(both).predict(test.images, verbose=0)
    converted = convert(both, training.images[::2])
    for variant, tolerance in {"float32": 1e-4, "float16": 0.03, "dynamic": 0.1, "int8": 0.25}.items():
        answers = EmotionClassifier(converted[variant]).classify(test.images)
        assert np.abs(answers - expected).max() < tolerance
        in_the_mirror = EmotionClassifier(converted[variant]).classify(np.ascontiguousarray(test.images[:, :, ::-1]))
        np.testing.assert_allclose(answers, in_the_mirror, atol=0.05)
    assert len(converted["int8"]) < 1.1 * len(models["int8"]), "weights are there once"


def test_int8_is_integer_from_pixels_to_probabilities(models):
    interpreter = open_interpreter(models["int8"], 1)
    pixels, answers = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (pixels["dtype"], answers["dtype"]) == (np.uint8, np.uint8)
    assert pixels["quantization"] == (pytest.approx(1 / 255), 0)
    assert answers["quantization"] == (pytest.approx(1 / 256), 0)
    assert pixels["shape_signature"].tolist() == [1, 32, 32, 3]
    kinds = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert kinds <= {"uint8", "int8", "int32"}


def test_files_shrink(models):
    sizes = {variant: len(content) for variant, content in models.items()}
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert max(sizes["dynamic"], sizes["int8"]) < 0.65 * sizes["float32"]  # of so few weights: the rest is the graph


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_mediapipe_runs_the_files_unmodified(variant, models, data):
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks import python as tasks

    options = tasks.vision.ImageClassifierOptions(tasks.BaseOptions(model_asset_buffer=models[variant]))
    ours = EmotionClassifier(models[variant])
    faces = load_split(data, "test", 32, 3).images[::5]
    with tasks.vision.ImageClassifier.create_from_options(options) as classifier:
        for face in faces:
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(face))
            found = classifier.classify(image).classifications[0].categories
            scores = {category.category_name: category.score for category in found}
            assert {category.index: category.category_name for category in found} == dict(enumerate(EMOTIONS))
            expected = ours.classify(face[None])[0]
            np.testing.assert_allclose([scores[name] for name in EMOTIONS], expected, atol=1 / 128)


def test_tensors_have_short_names_by_which_the_layers_are_still_known(models):
    for content in models.values():
        graph = Graph(content)
        names = [graph.name(op.output) for op in graph.operators()]
        assert all(name.count("/") <= 2 and ";" not in name for name in names)
        for layer in ("stem_relu", "block_0_depthwise_relu", "top_relu"):
            assert any(layer in name for name in names)
