"""From model and data set to figures, on faces of one colour each and a model that knows the colours."""

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError, exit_on_user_error
from edge.model.manifest import FORMAT_VERSION
from train.dataset import Split, load_split
from train.evaluation.__main__ import main, report
from train.evaluation.evaluate import evaluate
from train.model_loader import load_models, predict_keras, predict_tflite, run_model
from train.plots import draw_confusion

ROOT = Path(__file__).parents[3]
SIZE = 8
COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255], [90, 90, 90]],
    np.uint8,
)
"""The RGB colour of each class; red and blue differ, so a model that is fed BGR is wrong."""


def picture(emotion: int) -> np.ndarray:
    """uint8 RGB `[12, 12, 3]` in the colour of the class; larger than the model's input, so it is resized."""
    return np.broadcast_to(COLOURS[emotion], (12, 12, 3))


def write_image(path: Path, emotion: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.ascontiguousarray(picture(emotion)[..., ::-1]))


def write_votes(root: Path, rows: dict[str, dict[str, int]]) -> None:
    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown"]
    with (root / "votes.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["file", *names, "NF"], restval=0)
        writer.writeheader()
        writer.writerows({"file": file, **votes} for file, votes in rows.items())


def tiny_model(
    shape: tuple[int, ...] = (SIZE, SIZE, 3), dtype: str = "uint8", classes: int = 7, end: str = "softmax"
) -> keras.Model:
    """A model that answers the class whose colour is nearest to the mean colour, quite sure."""
    pixels = keras.Input(shape, dtype=dtype)
    x = keras.layers.Rescaling(1 / 255, dtype="float32")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    dense = keras.layers.Dense(classes, activation=end)
    model = keras.Model(pixels, dense(x))
    colours = COLOURS[:classes].astype(np.float32) / 255
    # -|x - c|^2 without the part that is the same for all classes.
    dense.set_weights([10 * 2 * colours.T, -10 * (colours**2).sum(axis=1)])
    return model


def as_tflite(model: keras.Model) -> bytes:
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return tiny_model()


@pytest.fixture(scope="module")
def tflite(model) -> bytes:
    return as_tflite(model)


@pytest.fixture
def data(tmp_path) -> Path:
    """Three images a class, and in the folder of surprise a fourth that looks happy: 21 of 22 match."""
    root = tmp_path / "data"
    for emotion in range(7):
        for i in range(3):
            write_image(root / f"test/{emotion}/{i}.png", emotion)
            write_image(root / f"train/{emotion}/{i}.png", emotion)
    write_image(root / "test/6/3.png", 3)
    return root


@pytest.fixture
def voted(data) -> Path:
    """Votes for nine images; four have a majority that counts, and one of those contradicts the eye."""
    write_votes(
        data,
        {
            "test/6/3.png": {"happiness": 7, "surprise": 3},
            "test/0/0.png": {"anger": 10},
            "test/4/0.png": {"neutral": 6, "sadness": 4},
            "test/5/0.png": {"neutral": 6, "sadness": 4},  # the votes contradict folder and eye
            "test/1/0.png": {"anger": 4, "disgust": 4},
            "test/1/1.png": {"disgust": 3, "contempt": 6},
            "test/2/0.png": {"fear": 4, "contempt": 4},
            "test/2/1.png": {"unknown": 9},
            "test/2/2.png": {"NF": 10},
        },
    )
    return data


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command line; its status, and what it printed on stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments)])
        status = exit_on_user_error(main)
        return status, *capsys.readouterr()

    return call


def write_bundle(folder: Path, **variants: bytes) -> Path:
    folder.mkdir()
    for name, content in variants.items():
        (folder / f"model_{name}.tflite").write_bytes(content)
    hashes = {name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in variants.items()}
    manifest = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "classes": EMOTIONS,
        "input_size": 48,
        "labels": "folder",
        "face_template": {"landmarks": [[0.5, 0.5]] * 5, "box": [0, 0, 1, 1]},
        "variants": hashes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def record_in(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def test_keras_and_tflite_predict_the_same(model, tflite, data):
    images = load_split(data, "test", SIZE, 3).images
    by_keras, by_tflite = predict_keras(model, images), predict_tflite(tflite, images, threads=1)
    assert by_keras.dtype == by_tflite.dtype == np.float32
    assert by_keras.shape == by_tflite.shape == (22, 7)
    assert by_keras == pytest.approx(by_tflite, abs=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".tflite"])
def test_a_file_is_evaluated_both_ways(suffix, model, tflite, voted, tmp_path, call):
    path = tmp_path / f"colours{suffix}"
    model.save(path) if suffix == ".keras" else path.write_bytes(tflite)
    status, printed, _ = call("--model", path, "--data", voted, "--output", tmp_path / "out")
    assert status == 0

    record = record_in(tmp_path / "out")
    assert (record["split"], record["images"]) == ("test", 22)
    assert record["fingerprint"] == load_split(voted, "test", SIZE, 3).fingerprint
    (result,) = record["models"]
    assert result["file"] == path.name
    assert result["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result["scores"]["folder"]["accuracy"] == round(21 / 22, 6)
    assert result["scores"]["folder"]["support"] == [3, 3, 3, 3, 3, 3, 4]
    assert result["scores"]["folder"]["confusion"][6] == [0, 0, 0, 1, 0, 0, 3]
    # Clear votes: angry, happy and two neutral, of which the sad-looking one is answered sad.
    assert result["scores"]["ferplus"]["accuracy"] == 3 / 4
    assert result["scores"]["ferplus"]["support"] == [1, 0, 0, 1, 2, 0, 0]
    assert result["without_majority"] == 18
    assert str(tmp_path) not in json.dumps(record)

    assert "folder labels, 22 images" in printed
    assert "FER+ majority, 4 images" in printed
    assert "FER+: 18 images without a clear majority left out" in printed
    # Two matrices side by side.
    drawn = cv2.imread(str(tmp_path / "out/confusion.png"))
    assert drawn is not None
    assert drawn.shape[1] > 1.5 * drawn.shape[0]


def test_a_run_is_evaluated_into_itself(model, data, tmp_path, call):
    folder = tmp_path / "a-run"
    folder.mkdir()
    for labels in ("folder", "ferplus"):
        model.save(folder / run_model(labels))
    status, printed, _ = call("--model", folder, "--data", data)
    assert status == 0
    assert "FER+" not in printed, "other data has no such votes"
    results = record_in(folder / "evaluation/test")["models"]
    assert [result["file"] for result in results] == ["best-ferplus.keras", "best-folder.keras"]
    assert all((list(result["scores"]), result["without_majority"]) == (["folder"], 0) for result in results)
    assert (folder / "evaluation/test/confusion_best-ferplus.png").is_file()


def test_a_bundle_is_evaluated_in_every_variant_that_is_there(tflite, data, tmp_path, call, monkeypatch):
    bundle = write_bundle(tmp_path / "colours", float32=tflite, float16=tflite, int8=tflite)
    (bundle / "model_float16.tflite").unlink()
    monkeypatch.chdir(tmp_path)
    assert call("--model", bundle, "--data", data)[0] == 0
    output = tmp_path / "evaluation/colours/test"
    files = [result["file"] for result in record_in(output)["models"]]
    assert files == ["model_float32.tflite", "model_int8.tflite"]
    pictures = {path.name for path in output.glob("*.png")}
    assert pictures == {"confusion_model_float32.png", "confusion_model_int8.png"}


def test_a_tflite_needs_no_tensorflow(tflite, data, tmp_path):
    (tmp_path / "colours.tflite").write_bytes(tflite)
    program = (
        "import sys; from train.evaluation.__main__ import main; status = main();"
        "sys.exit(status or bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    arguments = ["--model", tmp_path / "colours.tflite", "--data", data, "--output", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("majority", "accuracy", "left_out"),
    [
        pytest.param(None, None, 0, id="no votes"),
        pytest.param([-1, -1, -1], None, 3, id="no clear majority"),
        pytest.param([0, -1, 2], 1.0, 1, id="some"),
        pytest.param([0, 0, 0], 1 / 3, 0, id="all"),
    ],
)
def test_images_without_a_majority_are_left_out_and_counted(data, majority, accuracy, left_out):
    split = load_split(data, "test", SIZE, 3)
    split = only(split, np.isin(split.files, ["test/0/0.png", "test/1/0.png", "test/2/0.png"]))
    votes = {} if majority is None else {"ferplus": np.array(majority)}
    scores = (evaluation := evaluate(np.eye(7)[:3], {"folder": split.classes} | votes)).scores
    assert scores["folder"].accuracy == 1
    assert (scores["ferplus"].accuracy if "ferplus" in scores else None) == accuracy
    assert evaluation.without_majority == left_out
    assert ("FER+" in report("title", evaluation, EMOTIONS)) == (majority is not None)


def test_a_class_that_does_not_occur_can_be_drawn(data, tmp_path):
    split = load_split(data, "test", SIZE, 3)
    split = only(split, split.classes == 0)
    scores = evaluate(np.eye(7)[[0, 0, 1]], {"folder": split.classes}).scores
    draw_confusion(tmp_path / "confusion.png", "one class", {"folder labels": scores["folder"]}, EMOTIONS)
    assert cv2.imread(str(tmp_path / "confusion.png")) is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"shape": (SIZE, SIZE + 1, 3)}, r"uint8 \[None, 8, 9, 3\].*, not uint8", id="not square"),
        pytest.param({"shape": (SIZE, SIZE, 1)}, "not uint8", id="grey"),
        pytest.param({"shape": (None, None, 3)}, "not uint8", id="any size"),
        pytest.param({"dtype": "float32"}, r"float32 \[None, 8, 8, 3\]", id="float input"),
        pytest.param({"classes": 1}, r"\[None, 1\]", id="one class"),
    ],
)
def test_a_keras_model_that_breaks_the_contract_is_refused(change, message, tmp_path):
    shape = change.get("shape", (SIZE, SIZE, 3))
    pixels = keras.Input(shape, dtype=change.get("dtype", "uint8"))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255, dtype="float32")(pixels))
    keras.Model(pixels, keras.layers.Dense(change.get("classes", 7))(x)).save(tmp_path / "other.keras")
    with pytest.raises(UserError, match=message):
        load_models(tmp_path / "other.keras")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        pytest.param("absent.keras", [], "absent.keras: no such model", id="missing file"),
        pytest.param("absent", [], "absent: no such model", id="missing folder"),
        pytest.param("empty", [], "nor best-folder.keras nor manifest.json in it", id="empty folder"),
        pytest.param("model.h5", [], "model.h5: neither a .keras nor a .tflite file", id="other kind"),
        pytest.param("broken.keras", [], "broken.keras: not a readable Keras model", id="broken Keras"),
        pytest.param("broken.tflite", [], "broken.tflite: ", id="broken TFLite"),
        pytest.param("logits.tflite", [], "logits.tflite: the outputs are not probabilities", id="logits"),
        pytest.param("changed", [], "model_int8.tflite: sha256", id="changed bundle"),
        pytest.param("emptied", [], "emptied: the bundle has no model file", id="emptied bundle"),
        pytest.param("good.tflite", ["--split", "val"], "val: no such split", id="missing split"),
        pytest.param("good.tflite", ["--split", "train"], "a split that was not trained on", id="training split"),
        pytest.param("good.tflite", ["--votes", "required"], "this data set has no votes", id="no votes"),
    ],
)
def test_what_a_user_can_put_right_is_one_line(name, options, message, models, data, tmp_path, call):
    status, _, error = call("--model", models / name, "--data", data, "--output", tmp_path / "out", *options)
    assert status == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def models(tflite, tmp_path_factory) -> Path:
    """Models of every kind that must be refused, and a good one."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "empty").mkdir()
    (folder / "model.h5").write_bytes(b"")
    (folder / "broken.keras").write_bytes(b"no archive")
    (folder / "broken.tflite").write_bytes(b"no flat buffer")
    (folder / "logits.tflite").write_bytes(as_tflite(tiny_model(end="linear")))
    (folder / "good.tflite").write_bytes(tflite)
    (write_bundle(folder / "changed", int8=tflite) / "model_int8.tflite").write_bytes(tflite + b"!")
    (write_bundle(folder / "emptied", int8=tflite) / "model_int8.tflite").unlink()
    return folder


def test_the_training_split_is_evaluated_where_that_is_asked_for(tflite, data, tmp_path, call):
    (tmp_path / "colours.tflite").write_bytes(tflite)
    arguments = ["--data", data, "--split", "train", "--allow-train", "--output", tmp_path / "out"]
    assert call("--model", tmp_path / "colours.tflite", *arguments)[0] == 0
    assert record_in(tmp_path / "out")["models"][0]["scores"]["folder"]["accuracy"] == 1


def only(split: Split, keep: np.ndarray) -> Split:
    """The images of a split where `keep` is true."""
    files = tuple(file for file, kept in zip(split.files, keep, strict=True) if kept)
    return replace(split, files=files, images=split.images[keep], classes=split.classes[keep])
