"""From folders with names of their own to a camera's label: import, train, evaluate, export, recognize."""

import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("keras")

from pathlib import Path

from edge.base.settings import Options
from edge.faces.recognizer import Recognizer
from edge.model.bundle import load_bundle
from export.__main__ import main as export
from tests.edge.stand_ins import result
from tests.train.conftest import WHOLE, knobs_of_a_small_run
from tests.train.small_network import small_network
from train.config import from_dict
from train.evaluation.__main__ import main as evaluate
from train.fit import fit
from train.importer.__main__ import main as import_data

CLASSES = ("blue", "cyan", "grey hat", "red", "yellow")
COLOURS = ((220, 40, 30), (200, 200, 30), (128, 128, 128), (30, 40, 220), (30, 210, 220))
TEMPLATE = Path(__file__).parents[2] / "models/default"


def write_folders(root: Path, each: int = 75) -> Path:
    """Colour pictures of 200×200 with noise in a folder a class."""
    rng = np.random.default_rng(0)
    for name, colour in zip(CLASSES, COLOURS, strict=True):
        (root / name).mkdir(parents=True)
        for i in range(each):
            noise = rng.normal(0, 20, (20, 20, 3)) + rng.normal(0, 10, 3)
            picture = np.clip(cv2.resize(noise, (200, 200)) + colour, 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / name / f"{i}.jpg"), picture)
    return root


def called(main, monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["program", *map(str, words)])
    return main()


def test_a_model_of_five_classes_from_folders_to_a_label(tmp_path, monkeypatch, capsys, portrait):
    data, run, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "bundle"
    assert called(import_data, monkeypatch, write_folders(tmp_path / "faces"), "--output", data) == 0
    assert (data / "classes.txt").read_text().splitlines() == list(CLASSES)

    stage = WHOLE | {"epochs": 4, "learning_rate": 5e-3, "resolution": 64}
    quick = {"grey": False, "stages": [stage], "batch_size": 20, "ghost_batches": 1, "batch_norm_momentum": 0.8}
    with small_network():
        fit(from_dict(knobs_of_a_small_run() | quick), data, run, "none")
    assert called(evaluate, monkeypatch, "--model", run, "--data", data) == 0
    assert "grey hat" in capsys.readouterr().out

    words = ["--run", run, "--data", data, "--output", bundle, "--template", TEMPLATE, "--samples", "300"]
    assert called(export, monkeypatch, *words) == 0
    loaded = load_bundle(bundle)
    assert loaded.classes == CLASSES
    (by,) = loaded.measured
    assert by.labels == "folder" and by.accuracy > 0.9
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "five probabilities out: blue, cyan, grey hat, red, yellow" in card and "FER" not in card

    tinted = np.clip(0.2 * portrait + 0.8 * np.array(COLOURS[3]), 0, 255).astype(np.uint8)
    recognizer = Recognizer.from_options(Options(model=bundle))
    for face in recognizer.recognize(result(image=tinted).frame).faces:
        assert tuple(face.record()["probabilities"]) == CLASSES
