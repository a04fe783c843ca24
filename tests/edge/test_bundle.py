"""Bundles are read whole and verified, or refused with the reason."""

import json

import pytest

from edge.bundle import DEFAULT_BUNDLE, MANIFEST, VARIANTS, load_bundle, model_file, read_manifest
from edge.emotions import EMOTIONS
from edge.errors import UserError


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_bundle_as_it_should_be(bundle, variant):
    loaded = load_bundle(bundle, variant)
    manifest = json.loads((bundle / MANIFEST).read_text())
    assert loaded.model == (bundle / model_file(variant)).read_bytes()
    assert (loaded.folder, loaded.name, loaded.variant, loaded.input_size) == (bundle, "tiny", variant, 48)
    assert loaded.manifest == manifest
    assert [list(point) for point in loaded.template.landmarks] == manifest["face_template"]["landmarks"]
    assert list(loaded.template.box) == manifest["face_template"]["box"]


def test_the_default_is_the_int8_model(bundle):
    assert load_bundle(bundle).variant == "int8"
    assert DEFAULT_BUNDLE.parts[-2:] == ("models", "default")
    assert VARIANTS == ("float32", "float16", "dynamic", "int8")


FOLDER = {"images": 100, "accuracy": 0.59, "macro_f1": 0.51, "calibration_error": 0.2}
CROWD = {"images": 90, "accuracy": 0.84, "macro_f1": 0.74, "calibration_error": 0.01}


@pytest.mark.parametrize(
    ("entry", "manifest", "expected"),
    [
        ({"folder": FOLDER, "crowd": CROWD}, {"labels": "crowd"}, ["crowd", "folder"]),
        ({"folder": FOLDER, "crowd": CROWD}, {"labels": "folder"}, ["folder", "crowd"]),
        ({"folder": FOLDER, "crowd": CROWD}, {}, ["crowd", "folder"]),
        ({"folder": FOLDER, "crowd": None}, {"labels": "folder"}, ["folder"]),
        ({}, {}, []),
    ],
)
def test_a_models_accuracy_is_first_that_by_the_labels_it_answers_with(
    make_bundle, tmp_path, entry, manifest, expected
):
    variants = json.loads((make_bundle(tmp_path) / MANIFEST).read_text())["variants"]
    variants["int8"] |= entry
    measured = load_bundle(make_bundle(tmp_path, variants=variants, **manifest)).measured
    assert [(by.labels, by.images, by.accuracy, by.macro_f1) for by in measured] == [
        (kind, entry[kind]["images"], entry[kind]["accuracy"], entry[kind]["macro_f1"]) for kind in expected
    ]


def test_a_model_works_at_its_input_size_unless_its_manifest_says_otherwise(make_bundle, tmp_path):
    assert load_bundle(make_bundle(tmp_path)).resolution == 48
    assert load_bundle(make_bundle(tmp_path, resolution=96)).resolution == 96


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(None, "no model bundle here .manifest.json is missing", id="no manifest"),
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{ format_version: 1", "not JSON", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", "not JSON", id="not text"),
        pytest.param(b"[]", "format version None, but 1", id="a list"),
        pytest.param(b"{}", "format version None, but 1", id="no version"),
    ],
)
def test_files_that_are_no_manifest(tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / MANIFEST).write_bytes(manifest)
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert "make export" in caught.value.remedy


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="nowhere: no model bundle here"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"format_version": 2}, "format version 2, but 1", id="of the future"),
        pytest.param({"format_version": None}, "format version None", id="version missing"),
        pytest.param({"classes": EMOTIONS[:5]}, "the classes are not angry, ", id="five classes"),
        pytest.param({"classes": EMOTIONS[::-1]}, "the classes are not", id="another order"),
        pytest.param({"classes": None}, "the classes are not", id="no classes"),
        pytest.param({"variants": None}, "'variants' is missing or malformed", id="no variants"),
        pytest.param({"variants": {"int8": "x"}}, "'variants' is missing or malformed", id="variants are no tables"),
        pytest.param({"variants": {"float32": {}}}, "no variant int8: it has float32", id="variant missing"),
        pytest.param({"variants": {"int8": {}}}, "is not the manifest's", id="no hash to compare with"),
        pytest.param({"name": None}, "name.* is missing or malformed", id="no name"),
        pytest.param({"input_size": None}, "input_size.* is missing or malformed", id="no size"),
        pytest.param({"resolution": "fine"}, "fine.* is missing or malformed", id="resolution is no number"),
        pytest.param({"input_size": "large"}, "large.* is missing or malformed", id="size is no number"),
        pytest.param({"face_template": None}, "face_template.* is missing or malformed", id="no template"),
        pytest.param({"face_template": {"landmarks": []}}, "0 landmarks.* malformed", id="no landmarks"),
        pytest.param(
            {"face_template": {"landmarks": [[0.5, 0.5]] * 4, "box": [0, 0, 1, 1]}}, "4 landmarks", id="four landmarks"
        ),
        pytest.param(
            {"face_template": {"landmarks": [[0.5]] * 5, "box": [0, 0, 1, 1]}}, "malformed", id="points of one number"
        ),
        pytest.param({"face_template": {"landmarks": [[0, 0]] * 5, "box": [0, 0, 1]}}, "malformed", id="box of three"),
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
