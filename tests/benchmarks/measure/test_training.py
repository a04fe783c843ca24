"""A preset is trained for some steps."""

from importlib.util import find_spec

import pytest

from benchmarks.base.process import call_fresh
from benchmarks.measure import training
from benchmarks.measure.training import measure_training, train_steps
from edge.base.errors import UserError
from train.config import presets


def test_without_tensorflow_it_is_not_measured(plan, monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"emotion-edge\[train\]"):
        measure_training(plan)


def test_all_presets_stand_in_the_table(plan, monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda name: object())
    rates = {"bare": [100, 200, 300], "fed": [90, 190, 290], "first_batch": [1, 2, 3]}
    monkeypatch.setattr(training, "call_fresh", lambda *_, cores: ({"resolution": 64, "batch": 128} | rates, None))
    rows = measure_training(plan)
    assert [row["preset"] for row in rows] == list(presets())
    assert {(row["share"], row["resolution"]) for row in rows} == {(0.95, 64)}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="training needs TensorFlow")
def test_a_small_network_is_trained_in_memory_and_fed(tmp_path):
    knobs = tmp_path / "small.toml"
    knobs.write_text(SMALL)
    found, _ = call_fresh(train_steps, knobs, 2, cores=1)
    assert (found["resolution"], found["batch"]) == (32, 8)
    assert all(len(found[key]) == 2 and min(found[key]) > 0 for key in ("bare", "fed", "first_batch"))


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
