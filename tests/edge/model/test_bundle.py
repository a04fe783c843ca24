"""Bundles are read whole and verified, or refused with the reason."""

import json
import os

import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.settings import DEFAULT_BUNDLE, VARIANTS
from edge.model.bundle import MANIFEST, MANIFEST_BYTES, MODEL_CARD, load_bundle, model_file, read_card, read_manifest


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_bundle_as_it_should_be(bundle, variant):
    loaded = load_bundle(bundle, variant)
    manifest = json.loads((bundle / MANIFEST).read_text())
    assert loaded.model == (bundle / model_file(variant)).read_bytes()
    assert (loaded.folder, loaded.name, loaded.variant, loaded.input_size) == (bundle, "tiny", variant, 48)
    assert [list(point) for point in loaded.template.landmarks] == manifest["face_template"]["landmarks"]
    assert list(loaded.template.box) == manifest["face_template"]["box"]


def test_the_default_is_the_int8_model(bundle):
    assert load_bundle(bundle).variant == "int8"
    assert DEFAULT_BUNDLE.parts[-2:] == ("models", "default")
    assert VARIANTS == ("float32", "float16", "dynamic", "int8")


BOX = [0, 0, 1, 1]
GOOD = {"sha256": "0" * 64}
FER2013 = {"images": 100, "accuracy": 0.59, "macro_f1": 0.51, "calibration_error": 0.2}
FERPLUS = {"images": 90, "accuracy": 0.84, "macro_f1": 0.74, "calibration_error": 0.01}


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ({"fer2013": FER2013, "ferplus": FERPLUS}, "ferplus", ["ferplus", "fer2013"]),
        ({"fer2013": FER2013, "ferplus": FERPLUS}, "fer2013", ["fer2013", "ferplus"]),
        ({"folder": FER2013}, "folder", ["folder"]),
        ({}, "ferplus", []),
    ],
)
def test_a_models_accuracy_is_first_that_by_the_labels_it_answers_with(make_bundle, tmp_path, scores, labels, expected):
    variants = json.loads((make_bundle(tmp_path) / MANIFEST).read_text())["variants"]
    variants["int8"]["scores"] = scores
    measured = load_bundle(make_bundle(tmp_path, variants=variants, labels=labels)).measured
    assert [(by.labels, by.images, by.accuracy, by.macro_f1) for by in measured] == [
        (kind, scores[kind]["images"], scores[kind]["accuracy"], scores[kind]["macro_f1"]) for kind in expected
    ]


def test_a_model_works_at_its_input_size_unless_its_manifest_says_otherwise(make_bundle, tmp_path):
    assert load_bundle(make_bundle(tmp_path)).resolution == 48
    assert load_bundle(make_bundle(tmp_path, resolution=96)).resolution == 96


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(None, "no model bundle here .manifest.json is missing", id="no manifest"),
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{ format_version: 2", "not JSON", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", "not JSON", id="not text"),
        pytest.param(b"[" * 200_000, "Expected `object`", id="deep"),
        pytest.param(b'{"format_version": 2, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", "not JSON", id="deep inside"),
        pytest.param(b'{"format_version": 2, "input_size": Infinity}', "not JSON", id="infinite"),
        pytest.param(b'{"format_version": 1e999}', "format_version: Number out of range", id="out of range"),
        pytest.param(b" " * (MANIFEST_BYTES + 1), "larger than 1024 KB", id="large"),
        pytest.param(b"[]", "Expected `object`, got `array`", id="a list"),
        pytest.param(b'{"format_version": 2, "classes": ["angry", 5]}', r"classes\[1\]: Expected `str`", id="a number"),
        pytest.param(b"{}", "format version None, but this package reads 2", id="no version"),
    ],
)
def test_files_that_are_no_manifest(tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / MANIFEST).write_bytes(manifest)
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert "export it again" in caught.value.remedy


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
@pytest.mark.parametrize("name", [MANIFEST, MODEL_CARD, model_file("int8")])
def test_a_pipe_in_the_place_of_a_file_is_refused(make_bundle, tmp_path, name):
    make_bundle(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: cannot be read .not a regular file"):
        (load_bundle(tmp_path), read_card(tmp_path))


def test_a_card_is_text_or_not_there(make_bundle, tmp_path):
    make_bundle(tmp_path)
    assert read_card(tmp_path) is None
    (tmp_path / MODEL_CARD).write_text("# Käse")
    assert read_card(tmp_path) == "# Käse"
    (tmp_path / MODEL_CARD).write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"cannot be read \(not UTF-8\)"):
        read_card(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="nowhere: no model bundle here"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"format_version": 1}, "format version 1, but this package reads 2", id="of the past"),
        pytest.param({"format_version": 3}, "format version 3, but this package reads 2", id="of the future"),
        pytest.param({"format_version": None}, "format version None", id="version missing"),
        pytest.param({"classes": EMOTIONS[:1]}, "1 classes, not 2 to 50", id="one class"),
        pytest.param({"classes": [f"c{i}" for i in range(51)]}, "51 classes", id="too many classes"),
        pytest.param({"classes": ["a b", "a_b"]}, "'a b' and 'a_b' are the same", id="one class twice"),
        pytest.param({"classes": ["happy", "5"]}, "'5' is not 1 to 32 letters", id="a number"),
        pytest.param({"classes": ["happy", "a\nb"]}, "is not 1 to 32 letters", id="a line break in a class"),
        pytest.param({"classes": ["happy", "Unsure"]}, "'Unsure' stands for a face without", id="no label as a class"),
        pytest.param({"classes": None}, "0 classes, not 2 to 50", id="no classes"),
        pytest.param({"variants": None}, "missing required field `variants`", id="no variants"),
        pytest.param({"variants": {"int8": "x"}}, "variants.int8: Expected `object", id="variants are no tables"),
        pytest.param({"variants": {"float32": GOOD}}, "no variant int8: it has float32", id="variant missing"),
        pytest.param({"labels": "a" * 9999}, r"labels: Invalid enum value 'a{50,250}:", id="a long value"),
        pytest.param({"labels": " - at `$.name`"}, "labels: Invalid enum value", id="a value that names another field"),
        pytest.param({"variants": {"int8": None}}, "no variant int8: it has none", id="variant that is null"),
        pytest.param({"variants": {"\n" * 9999: 1}}, "no variant int8: it has none$", id="variants of other names"),
        pytest.param({"variants": {"int8": {}}}, "variants.int8: .*`sha256`", id="no hash to compare with"),
        pytest.param({"variants": {"int8": {"sha256": "x"}}}, "variants.int8.sha256: ", id="no hash"),
        pytest.param({"name": None}, "missing required field `name`", id="no name"),
        pytest.param({"name": "a\nb"}, "name: ", id="a name with a line break"),
        pytest.param({"name": 5}, "name: Expected `str`", id="name is a number"),
        pytest.param({"input_size": None}, "missing required field `input_size`", id="no size"),
        pytest.param({"input_size": "large"}, "input_size: Expected `int`", id="size is no number"),
        pytest.param({"input_size": "48"}, "input_size: Expected `int`", id="size is a number in words"),
        pytest.param({"input_size": 0}, "input_size: .* >= 8", id="size is nothing"),
        pytest.param({"input_size": 10**30}, "input_size: ", id="size is no size"),
        pytest.param({"input_size": True}, "input_size: Expected `int`", id="size is a truth"),
        pytest.param({"resolution": "fine"}, "resolution: Expected `int", id="resolution is no number"),
        pytest.param({"labels": "mine"}, "labels: ", id="labels of another kind"),
        pytest.param({"labels": None}, "missing required field `labels`", id="no labels"),
        pytest.param({"temperature": 0}, "temperature: ", id="temperature of nothing"),
        pytest.param({"face_template": None}, "missing required field `face_template`", id="no template"),
        pytest.param({"face_template": {"landmarks": [], "box": BOX}}, "landmarks: .*length", id="no landmarks"),
        pytest.param(
            {"face_template": {"landmarks": [[0.5, 0.5]] * 4, "box": BOX}}, "landmarks: .*length", id="four landmarks"
        ),
        pytest.param(
            {"face_template": {"landmarks": [[0.5]] * 5, "box": BOX}}, r"landmarks\[0\]: ", id="points of one number"
        ),
        pytest.param(
            {"face_template": {"landmarks": [[0, 0]] * 5, "box": BOX[1:]}}, "box: .*length 4", id="box of three"
        ),
        pytest.param(
            {"face_template": {"landmarks": [[0, 1e6]] * 5, "box": BOX}}, r"landmarks\[0\]\[1\]: ", id="far outside"
        ),
        pytest.param(
            {"variants": {"int8": GOOD | {"scores": {"ferplus": FERPLUS | {"accuracy": "0.9"}}}}},
            r"variants.int8.scores\[...\].accuracy: Expected `float`, got `str`",
            id="accuracy in words",
        ),
        pytest.param(
            {"variants": {"int8": GOOD | {"scores": {"fer2013": FER2013 | {"images": -1}}}}},
            r"variants.int8.scores\[...\].images: ",
            id="fewer images than none",
        ),
        pytest.param(
            {"variants": {"int8": GOOD | {"scores": {"likes": FERPLUS}}}},
            "variants.int8.scores: Invalid enum value 'likes'",
            id="an unknown label set",
        ),
    ],
)
def test_a_manifest_that_does_not_fit(make_bundle, tmp_path, changes, message):
    make_bundle(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as caught:
        load_bundle(tmp_path)
    assert str(tmp_path) in caught.value.problem


def test_a_model_that_is_not_the_manifests(make_bundle, tmp_path):
    make_bundle(tmp_path)
    path = tmp_path / model_file("int8")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path.name}: sha256 [0-9a-f]{{12}}… is not the manifest's"):
        load_bundle(tmp_path)
    assert load_bundle(tmp_path, "float32").variant == "float32", "the other variant is still good"


def test_a_model_file_that_is_not_there(make_bundle, tmp_path):
    make_bundle(tmp_path)
    (tmp_path / model_file("int8")).unlink()
    with pytest.raises(UserError, match=r"model_int8\.tflite: the file is missing"):
        load_bundle(tmp_path)
