import sys

import numpy as np
import pytest

pytest.importorskip("keras")

from edge.base.errors import UserError
from export import onnx as ours
from export.onnx import check_installed, predict_onnx, write_onnx
from train.dataset import load_split
from train.model import deployable, mirrored


@pytest.fixture
def faces(data):
    return load_split(data, "test", 32, 3).images


@pytest.fixture
def onnx():
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package, reason="the extra 'onnx' is not installed")
    return pytest.importorskip("onnx")


@pytest.mark.parametrize("change", [lambda network: network, mirrored], ids=["one view", "mirrored"])
def test_the_files_are_a_fixed_model_of_the_same_answers_and_its_faces(onnx, network, faces, tmp_path, change):
    chosen = change(network)
    write_onnx(tmp_path / "onnx", chosen, faces)
    model = onnx.load(tmp_path / "onnx/model.onnx")
    onnx.checker.check_model(model, full_check=True)
    shapes = [[size.dim_value for size in value.type.tensor_type.shape.dim] for value in model.graph.input]
    assert shapes == [[1, 3, 32, 32]]
    assert (np.load(tmp_path / "onnx/calibration.npy") == faces).all()
    answers = predict_onnx(tmp_path / "onnx/model.onnx", faces)
    np.testing.assert_allclose(answers, deployable(chosen).predict(faces, verbose=0), atol=1e-4)


def test_nothing_is_transposed_for_a_compiler(onnx, network, faces, tmp_path):
    write_onnx(tmp_path / "onnx", network, faces)
    kinds = {node.op_type for node in onnx.load(tmp_path / "onnx/model.onnx").graph.node}
    assert "Transpose" not in kinds and "Cast" not in kinds


def test_other_labels_are_refused_and_nothing_is_written(onnx, network, faces, tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "predict_onnx", lambda file, given: np.roll(np.eye(7)[np.arange(len(given)) % 7], 1))
    with pytest.raises(UserError, match="gives other labels to"):
        write_onnx(tmp_path / "onnx", network, faces)
    assert not (tmp_path / "onnx").exists()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="ONNX needs the package onnxruntime"):
        check_installed()
