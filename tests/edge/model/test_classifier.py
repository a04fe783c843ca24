"""The classifier on a model whose answers are known: it tells red, green, blue and grey faces."""

from unittest.mock import MagicMock

import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.model.bundle import load_bundle
from edge.model.classifier import EmotionClassifier, dequantize
from edge.model.interpreter import open_interpreter


def crops(*colours, size=48):
    """Faces of one colour (RGB) each."""
    return np.array([np.full((size, size, 3), colour, np.uint8) for colour in colours]).reshape(-1, size, size, 3)


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_colours(bundle, tiny, variant):
    classifier = EmotionClassifier.from_bundle(load_bundle(bundle, variant))
    probabilities = classifier.classify(crops((255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (4, len(EMOTIONS)))
    assert probabilities.argmax(axis=1).tolist() == [tiny.RED, tiny.GREEN, tiny.BLUE, tiny.GREY]
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4), abs=0.02)
    assert probabilities[3, tiny.GREY] == pytest.approx(tiny.COLOURLESS, abs=1 / 256)


def test_variants_agree_within_a_step_of_the_scale(bundle):
    faces = np.random.default_rng(0).integers(0, 256, (8, 1, 1, 3), np.uint8).repeat(48, 1).repeat(48, 2)
    both = [EmotionClassifier.from_bundle(load_bundle(bundle, v)).classify(faces) for v in ("float32", "int8")]
    assert np.abs(both[0] - both[1]).max() <= 1 / 256


def test_each_face_has_its_own_answer(bundle, tiny):
    classifier = EmotionClassifier.from_bundle(load_bundle(bundle))
    red, green = (255, 0, 0), (0, 255, 0)
    assert classifier.classify(crops(red, green, green, red)).argmax(axis=1).tolist() == [
        *(tiny.RED, tiny.GREEN),
        *(tiny.GREEN, tiny.RED),
    ]


def test_no_faces_no_answers(bundle):
    assert EmotionClassifier.from_bundle(load_bundle(bundle)).classify(crops()).shape == (0, len(EMOTIONS))


def test_answers_are_the_callers_to_keep(bundle):
    classifier = EmotionClassifier.from_bundle(load_bundle(bundle))
    first = classifier.classify(crops((255, 0, 0)))
    kept = first.copy()
    classifier.classify(crops((0, 255, 0)))
    assert (first == kept).all()


@pytest.mark.parametrize("size", [32, 96])
def test_the_size_is_the_models(tiny, size):
    classifier = EmotionClassifier(tiny.tiny_model(size))
    assert classifier.input_size == size
    assert classifier.classify(crops((0, 0, 255), size=size)).argmax() == tiny.BLUE


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param({"classes": 1}, "1 classes, not 2 or more", id="one class"),
        pytest.param({"input_type": np.float32}, r"takes float32 \[1, 48, 48, 3\], not uint8", id="float input"),
    ],
)
def test_a_model_that_breaks_the_contract_is_refused(tiny, model, message):
    with pytest.raises(UserError, match=message):
        EmotionClassifier(tiny.tiny_model(**model))


def test_classes_that_are_not_the_manifests_are_refused(make_bundle, tmp_path):
    make_bundle(tmp_path, classes=["smiling", "not smiling"])
    with pytest.raises(UserError, match="the model has 7 classes, the manifest 2"):
        EmotionClassifier.from_bundle(load_bundle(tmp_path))


def test_a_size_that_is_not_the_manifests_is_refused(make_bundle, tmp_path):
    make_bundle(tmp_path, input_size=64)
    with pytest.raises(UserError, match="the model takes 48 pixels, the manifest 64"):
        EmotionClassifier.from_bundle(load_bundle(tmp_path))


@pytest.mark.parametrize(
    ("values", "quantization", "expected"),
    [
        pytest.param(np.array([0, 128, 255], np.uint8), (1 / 256, 0), [0, 0.5, 255 / 256], id="the contract's"),
        pytest.param(np.array([-128, 0, 127], np.int8), (1 / 256, -128), [0, 0.5, 255 / 256], id="int8"),
        pytest.param(np.array([10, 20], np.uint8), (0.5, 10), [0, 5], id="unsigned below its zero point would wrap"),
        pytest.param(np.array([0, 20], np.uint8), (0.5, 10), [-5, 5], id="negative"),
        pytest.param(np.array([0.25, 0.75], np.float32), (0.0, 0), [0.25, 0.75], id="float passes through"),
    ],
)
def test_dequantize(values, quantization, expected):
    result = dequantize(values, {"quantization": quantization})
    assert result.dtype == np.float32
    assert result.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("places", [[], [-1], [99]], ids=str)
@pytest.mark.parametrize("which", ["inputs", "outputs"])
def test_a_model_without_an_input_or_output_is_refused(tiny, which, places):
    model = tiny.schema.ModelT.InitFromPackedBuf(tiny.tiny_model(), 0)
    setattr(model.subgraphs[0], which, places)
    builder = tiny.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    with pytest.raises(UserError, match=r"no input or no output|cannot run this model"):
        EmotionClassifier(bytes(builder.Output()))


@pytest.mark.parametrize("shape", [(0, 7), (1, 3)], ids=str)
def test_an_answer_of_another_shape_than_announced_is_one_line(tiny, monkeypatch, shape):
    interpreter = MagicMock(wraps=open_interpreter(tiny.tiny_model(), 1))
    interpreter.get_tensor = lambda index: np.zeros(shape, np.float32)
    monkeypatch.setattr("edge.model.classifier.open_interpreter", lambda model, threads: interpreter)
    classifier = EmotionClassifier(tiny.tiny_model())
    with pytest.raises(UserError, match="cannot be run"):
        classifier.classify(crops((255, 0, 0)))
