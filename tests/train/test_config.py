from pathlib import Path

import pytest

from edge.errors import UserError
from train.config import PRESETS, from_dict, load_config


@pytest.mark.parametrize("name", sorted(p.stem for p in PRESETS.glob("*.toml")))
def test_presets_are_valid_and_survive_json(name):
    config = load_config(name)
    assert from_dict(config.as_dict()) == config


def test_presets_that_are_promised():
    seed, edge = load_config("seed"), load_config("edge")
    assert (seed.image_size, seed.epochs, seed.labels) == (224, 40, "hard")
    assert (edge.image_size, edge.stages[-1].resolution, edge.labels) == (48, 96, "soft")
    for config in (seed, edge):
        head, rest = config.stages[0], config.stages[1:]
        assert not head.train_backbone
        assert all(stage.train_backbone and stage.learning_rate < head.learning_rate for stage in rest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1.0}, "unknown knob lerning_rate"),
        ({"seed": None}, "missing knob seed"),
        ({"seed": "one"}, "seed must be int"),
        ({"grey": 1}, "grey must be bool"),
        ({"labels": "votes"}, "labels must be one of hard, soft"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"image_size": 8}, "image_size must be at least"),
        ({"head": [0]}, "head must list positive"),
        ({"head": 128}, "head must be a list"),
        ({"stages": []}, "stages must have"),
        ({"augmentation": {"flip": True}}, "missing knob augmentation.brightness"),
        ({"stages": [{"epochs": 1}]}, r"missing knob stages\[0\].learning_rate"),
    ],
)
def test_mistyped_knobs_fail_and_are_named(knobs, change, message):
    knobs |= change
    knobs = {name: value for name, value in knobs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        from_dict(knobs)


def test_whole_numbers_pass_for_floats(knobs):
    assert from_dict(knobs | {"weight_decay": 1}).weight_decay == 1.0


def test_files_that_are_none(tmp_path: Path):
    broken = tmp_path / "broken.toml"
    broken.write_text("image_size = ")
    with pytest.raises(UserError, match="not a TOML file"):
        load_config(str(broken))
    with pytest.raises(UserError, match=r"no such configuration.*edge, seed"):
        load_config("egde")
