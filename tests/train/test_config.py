from pathlib import Path

import pytest

from edge.errors import UserError
from tests.train.conftest import STILL, WHOLE
from train.config import from_dict, load_config, presets


@pytest.mark.parametrize("name", presets())
def test_presets_are_valid_and_survive_json(name):
    config = load_config(name)
    assert from_dict(config.as_dict()) == config


def test_presets_that_are_promised():
    seed, edge = load_config("seed"), load_config("edge")
    assert (seed.image_size, seed.epochs, seed.labels) == (224, 9, ("folder",))
    assert (edge.image_size, edge.stages[-1].resolution, edge.labels) == (48, 96, ("crowd", "folder"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1.0}, "unknown knob lerning_rate"),
        ({"seed": None}, "missing knob seed"),
        ({"seed": "one"}, "seed must be int"),
        ({"grey": 1}, "grey must be bool"),
        ({"labels": ["votes"]}, r"labels\[0\] must be one of crowd, folder"),
        ({"labels": "folder"}, "labels must be a list"),
        ({"labels": []}, "labels must name at least one"),
        ({"labels": ["folder", "folder"]}, "labels must name each kind once"),
        ({"shards": 3}, "shards must divide batch_size"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"image_size": 8}, "image_size must be at least"),
        ({"head": [0]}, "head must list positive"),
        ({"head": 128}, "head must be a list"),
        ({"stages": []}, "stages must have"),
        ({"augmentation": {"flip": True}}, "missing knob augmentation.blur"),
        ({"augmentation": STILL | {"noise": -0.1}}, "augmentation.noise must not be negative"),
        ({"seed": -1}, "seed must not be negative"),
        ({"stages": [{"epochs": 1}]}, r"missing knob stages\[0\].augment"),
    ],
)
def test_mistyped_knobs_fail_and_are_named(knobs, change, message):
    knobs |= change
    knobs = {name: value for name, value in knobs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        from_dict(knobs)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param({"normalize": True}, "cannot normalize after one that does not", id="normalization comes back"),
        pytest.param({"resolution": 32}, "must be at twice image_size, too", id="enlarged image comes back"),
    ],
)
def test_stages_that_would_have_to_undo_something(knobs, second, message):
    first = WHOLE | {"normalize": False, "resolution": 64}
    from_dict(knobs | {"stages": [first, first]})
    with pytest.raises(ValueError, match=message):
        from_dict(knobs | {"stages": [first, first | second]})


def test_whole_numbers_pass_for_floats(knobs):
    assert from_dict(knobs | {"weight_decay": 1}).weight_decay == 1.0


def test_files_that_are_none(tmp_path: Path):
    broken = tmp_path / "broken.toml"
    broken.write_text("image_size = ")
    with pytest.raises(UserError, match="not a TOML file"):
        load_config(str(broken))
    with pytest.raises(
        UserError, match=r"no such configuration.*edge, nano, nano_settled, polished, seed, seed96, settled"
    ):
        load_config("egde")
