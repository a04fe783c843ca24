import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

from edge.base.errors import UserError, exit_on_user_error
from edge.base.settings import VARIANTS
from edge.model.bundle import load_bundle, read_manifest
from export.__main__ import main
from export.bundle_writer import check_target, write_bundle
from export.calibration import calibrate_probabilities
from export.exporter import EvaluationSet, check_no_leakage, data_origin
from export.source import load_run
from tests.train.conftest import EPOCHS
from train.dataset import Split, load_split

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "models/default"


@pytest.fixture
def call(monkeypatch, capsys):
    """Export in this process; the exit status and what was printed on stderr."""

    def call(run: Path, data: Path, output: Path, *options: str) -> tuple[int, str]:
        given = ["--run", run, "--data", data, "--output", output, "--template", TEMPLATE, "--samples", "280", *options]
        monkeypatch.setattr(sys, "argv", ["export", *map(str, given)])
        return exit_on_user_error(main), capsys.readouterr().err

    return call


@pytest.fixture(scope="module")
def exported(run_folder, data, tmp_path_factory):
    output = tmp_path_factory.mktemp("bundles") / "small"
    words = ["--run", run_folder, "--data", data, "--output", output, "--template", TEMPLATE, "--samples", "280"]
    command = [sys.executable, "-m", "export", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


def test_the_bundle_is_whole_and_verifies(exported):
    assert {p.name for p in exported.iterdir()} == {
        *(f"model_{v}.tflite" for v in VARIANTS),
        "manifest.json",
        "MODEL_CARD.md",
        "reliability.png",
        "risk_coverage.png",
        "robustness.png",
    }
    for variant in VARIANTS:
        assert load_bundle(exported, variant).input_size == 32


def test_the_manifest_tells_how_it_was_made(exported, run_folder):
    manifest, description = read_manifest(exported), json.loads((run_folder / "run.json").read_text())
    assert manifest["name"] == "small"
    assert manifest["resolution"] == 64
    for name in ("config", "weights", "teachers"):
        assert manifest["training"][name] == description[name]
    assert manifest["training"]["epochs"] == EPOCHS
    assert manifest["data"]["train"] == description["data"]["train"]
    assert manifest["calibration"] == {"split": "train", "images": 280, "seed": 0}
    for figures in manifest["variants"].values():
        assert figures["scores"]["folder"]["images"] == 70
        assert figures["scores"]["ferplus"]["images"] == 63  # the first image of each class has no clear majority
    card = (exported / "MODEL_CARD.md").read_text()
    assert "prohibits" in card
    assert f"{manifest['variants']['int8']['scores']['ferplus']['accuracy']:.1%}" in card


@pytest.mark.parametrize(
    ("damage", "options", "message"),
    [
        (lambda run: (run / "best-folder.keras").unlink(), (), "best model is missing"),
        (lambda run: (run / "best-folder.keras").write_bytes(b"no"), (), "not a readable Keras model"),
        (lambda run: (run / "checkpoint.npz").unlink(), (), "no finished epoch to export"),
        (lambda run: shutil.rmtree(run), (), "no training run here"),
        (lambda run: None, ("--samples", "100"), "too few"),
        (lambda run: alter(run / "run.json"), (), "not the one that"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_the_old_bundle(
    run_copy, data, exported, tmp_path, call, damage, options, message
):
    output = shutil.copytree(exported, tmp_path / "bundle")
    before = {p.name: p.read_bytes() for p in output.iterdir()}
    damage(run_copy)
    status, printed = call(run_copy, data, output, *options)
    ours = [line for line in printed.splitlines() if line.startswith("emotion-edge:")]
    assert status == 2
    assert len(ours) == 1
    assert message in ours[0]
    assert before == {p.name: p.read_bytes() for p in output.iterdir()}
    assert {p.name for p in tmp_path.iterdir()} <= {"run", "bundle"}


def test_faces_that_are_measured_cannot_be_calibrated_with(data):
    test = load_split(data, "test", 32, 3)
    with pytest.raises(UserError, match=r"2 calibration images are in the split test as well, the first as test/0/003"):
        check_no_leakage(
            np.concatenate([test.images[3:5], load_split(data, "train", 32, 3).images]),
            EvaluationSet("test", test, None, test.classes),
        )


def test_the_temperature_divides_what_was_balanced(run_folder, data):
    source = load_run(run_folder, data)
    whole = source.training
    some = np.flatnonzero((whole.classes == 0) | (np.arange(len(whole.classes)) % 5 == 0))
    files, digests = (tuple(of[i] for i in some) for of in (whole.files, whole.digests))
    uneven = Split(files, whole.images[some], whole.classes[some], "", digests=digests)
    last = source.network.get_layer("folder").get_layer("probabilities")
    kernel, bias = last.get_weights()
    temperature, strength = calibrate_probabilities(dataclasses.replace(source, training=uneven), 0.6)
    shares = np.bincount(uneven.classes) / len(some)
    assert strength == 0.6 and temperature != pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(last.get_weights()[0], kernel / temperature, rtol=1e-5)
    np.testing.assert_allclose(last.get_weights()[1], (bias - 0.6 * np.log(shares)) / temperature, rtol=1e-4)


def test_a_data_set_is_known_by_its_files(data, tmp_path):
    assert data_origin(data) == {}
    (tmp_path / "train" / "0").mkdir(parents=True)
    (tmp_path / "train" / "0" / "Training_0000001.png").touch()
    (tmp_path / "import.json").write_text('{"source": "archive.zip"}')
    assert data_origin(tmp_path) == {"source": "archive.zip", "dataset": "FER-2013"}
    (tmp_path / "classes.txt").write_text("smiling\nnot smiling\n")
    assert data_origin(tmp_path) == {"source": "archive.zip"}, "its pictures under classes of one's own"


def test_onnx_is_written_beside_the_bundle(run_copy, data, tmp_path, call):
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package, reason="the extra 'onnx' is not installed")
    status, printed = call(run_copy, data, tmp_path / "bundle", "--onnx")
    assert status == 0, printed
    assert np.load(run_copy / "onnx/calibration.npy").shape == (280, 32, 32, 3)
    assert (run_copy / "onnx/model.onnx").is_file() and (tmp_path / "bundle/model_int8.tflite").is_file()


def test_a_folder_that_is_no_bundle_is_not_replaced(run_folder, data, tmp_path, call):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/me.jpg").write_bytes(b"precious")
    status, printed = call(run_folder, data, tmp_path / "photos")
    assert status == 2
    assert "holds no bundle" in printed
    assert (tmp_path / "photos/me.jpg").read_bytes() == b"precious"


def test_an_interrupted_write_leaves_the_old_bundle(exported, tmp_path):
    output = shutil.copytree(exported, tmp_path / "bundle")
    before = {p.name: p.read_bytes() for p in output.iterdir()}
    with pytest.raises(TypeError):
        write_bundle(output, {"int8": b"new"}, {"not": {"JSON"}}, "card", {})
    assert before == {p.name: p.read_bytes() for p in output.iterdir()}
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_another_format_is_refused_by_the_edge_and_not_replaced(exported, tmp_path):
    output = shutil.copytree(exported, tmp_path / "bundle")
    manifest = json.loads((output / "manifest.json").read_text())
    (output / "manifest.json").write_text(json.dumps(manifest | {"format_version": 99}))
    for refuse in (load_bundle, check_target):
        with pytest.raises(UserError, match="format version 99"):
            refuse(output)


def test_the_head_for_the_other_labels_is_asked_for_by_name(run_folder, data, tmp_path, call):
    status, printed = call(run_folder, data, tmp_path / "bundle", "--labels", "ferplus")
    assert status == 2
    assert "was not trained on the label set 'ferplus', but on folder" in printed
    assert not (tmp_path / "bundle").exists()


def test_a_model_no_better_than_chance_is_exported_only_where_that_is_allowed(run_folder, data, tmp_path, call):
    moved, bundle = shutil.copytree(data, tmp_path / "data"), tmp_path / "bundle"
    (moved / "votes.csv").unlink(missing_ok=True)
    (moved / "test").rename(moved / "named rightly")
    for number in range(7):
        shutil.copytree(moved / "named rightly" / str(number), moved / "test" / str((number + 1) % 7))
    status, printed = call(run_folder, moved, bundle)
    assert status == 2
    assert "not better than chance" in printed and "--allow-chance" in printed
    assert not bundle.exists()
    status, _ = call(run_folder, moved, bundle, "--allow-chance")
    assert status == 0
    assert read_manifest(bundle)["variants"]["float32"]["scores"]["folder"]["accuracy"] < 1 / 7


def alter(path: Path) -> None:
    description = json.loads(path.read_text())
    description["data"]["train"] = "0" * 64
    path.write_text(json.dumps(description))
