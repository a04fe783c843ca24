"""Histories are read, and a preset is trained for some steps."""

import json
from importlib.util import find_spec

import pytest

from benchmarks.base.process import run_module
from benchmarks.measure import training
from benchmarks.measure.training import histories, measure_training, seconds_to
from edge.base.errors import UserError


def history(folder, *epochs, kinds=("ferplus", "fer2013")):
    folder.mkdir(parents=True)
    lines = [",".join(["epoch", *(f"val_{kind}_accuracy" for kind in kinds), "seconds"])]
    lines += [",".join(map(str, (i, *figures))) for i, figures in enumerate(epochs, start=1)]
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        pytest.param([(0.5, 0.4, 60)], {"ferplus": None, "fer2013": None}, id="never"),
        pytest.param([(0.5, 0.65, 60), (0.8, 0.6, 61.5)], {"ferplus": 121.5, "fer2013": 60}, id="one after the other"),
        pytest.param([(0.9, 0.7, 60), (0.5, 0.4, 60)], {"ferplus": 60, "fer2013": 60}, id="and lost again"),
    ],
)
def test_the_time_to_an_accuracy_is_that_of_all_epochs_up_to_it(epochs, expected, tmp_path):
    assert seconds_to(history(tmp_path / "edge", *epochs) / "history.csv") == expected


def test_only_what_a_preset_learns_is_looked_for(tmp_path):
    run = history(tmp_path / "nano", (0.81, 60), kinds=("ferplus",))
    assert seconds_to(run / "history.csv") == {"ferplus": 60}


def test_what_is_no_run_is_told_and_the_others_are_there(tmp_path, caplog):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "history.csv").write_text("no history\n")
    good = history(tmp_path / "edge", (0.9, 0.9, 60))
    assert histories([tmp_path / "nowhere", tmp_path / "text", good]) == {"edge": {"ferplus": 60, "fer2013": 60}}
    assert [record.getMessage().count("no history of a training run") for record in caplog.records] == [1, 1]


def test_without_tensorflow_it_is_not_measured(monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"emotion-edge\[train\]"):
        measure_training([], 1, 1)


def test_all_presets_stand_in_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda name: object())
    asked = []

    def run(module, arguments, cores):
        asked.append((module, *arguments, cores))
        return {
            "resolution": 64,
            "batch": 128,
            "bare": [100, 200, 300],
            "fed": [90, 190, 290],
            "first_batch": [1, 2, 3],
        }

    monkeypatch.setattr(training, "run_module", run)
    rows = measure_training([history(tmp_path / "edge", (0.9, 0.9, 60))], 2, 3)
    assert [row.preset for row in rows] == [
        "edge",
        "edge_distilled",
        "edge_ensemble",
        "edge_robust",
        "nano",
        "nano_robust",
        "seed",
        "seed96",
    ]
    assert asked == [("benchmarks.measure.training", row.preset, 3, 2) for row in rows]
    assert {row.share for row in rows} == {0.95}
    known = {row.preset: row.seconds_to for row in rows}
    assert known.pop("edge") == {"ferplus": 60, "fer2013": 60}
    assert set(known.values()) == {None}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="training needs TensorFlow")
def test_a_small_network_is_trained_in_memory_and_fed(tmp_path):
    knobs = tmp_path / "small.toml"
    knobs.write_text(SMALL)
    found = run_module("benchmarks.measure.training", [knobs, 2], 1)
    assert (found["resolution"], found["batch"]) == (32, 8)
    assert all(len(found[key]) == 2 and min(found[key]) > 0 for key in ("bare", "fed", "first_batch")), json.dumps(
        found
    )


SMALL = """
image_size = 32
grey = true
alpha = 0.35
head = [8]
dropout = 0.0
labels = ["ferplus"]
label_smoothing = 0.0
teachers = []
teacher_share = 0.0
batch_size = 8
ghost_batches = 2
weight_decay = 0.0
warmup_fraction = 0.0
batch_norm_momentum = 0.99
ema_decay = 0.9
mixed_precision = false
seed = 1

[augmentation]
flip = true
rotation = 12.0
scale = 0.12
shift = 0.08
contrast = 0.3
brightness = 0.15
random_erasing = 0.1
blur = 0.0
noise = 0.0
mixup_alpha = 0.0

[[stages]]
epochs = 2
learning_rate = 2e-3
resolution = 32
train_backbone = true
augment = true
batch_norm = true
"""
