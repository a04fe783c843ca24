import shutil
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.errors import UserError  # noqa: E402
from export.source import load_run  # noqa: E402
from train import session  # noqa: E402
from train.pack import pack  # noqa: E402
from train.run import load_progress  # noqa: E402


def test_what_a_session_leaves_can_be_exported(learnt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(learnt / "run", "runs/edge_matched")
    session.collect(Path("results"))
    assert {path.name for path in Path("results").iterdir()} == {"edge_matched-folder.keras", "runs.zip"}
    session.restore(Path("results"), Path("elsewhere"))
    loaded = load_run(tmp_path / "elsewhere/edge_matched", learnt / "data")
    assert loaded.progress == load_progress(learnt / "run")
    theirs = load_run(learnt / "run", learnt / "data").network
    for ours, expected in zip(loaded.network.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_pupils_follow_their_teachers_and_a_stopped_run_is_collected(bars, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pack(bars, tmp_path / "packed", ["train", "val"])
    asked = []

    def fit(config, data, folder, weights):
        asked.append((folder.name, weights, config.epochs, len(list(data.glob("*/*/*.png")))))
        if folder.name == "edge_matched":
            raise KeyboardInterrupt

    collected = []
    monkeypatch.setattr(session, "SMOKE_FACES", 2)
    monkeypatch.setattr(session, "fit", fit)
    monkeypatch.setattr(session, "collect", lambda results: collected.append(results))
    with pytest.raises(KeyboardInterrupt):
        session.train_recipe(tmp_path / "packed", tmp_path / "results", "imagenet.h5", smoke=True)
    sources = {"teacher_a": "none", "teacher_b": "none", "edge_matched": "imagenet.h5"}
    assert asked == [(name, source, 1, 28) for name, source in sources.items()]
    assert collected == [tmp_path / "results"] * 3


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(UserError, match="no results here"):
        session.restore(tmp_path, tmp_path / "runs")
