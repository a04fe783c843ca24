from pathlib import Path

import pytest

from edge.base.errors import UserError
from tests.train.conftest import STILL, WHOLE
from train.config import from_dict, load_config, presets


@pytest.mark.parametrize("name", presets())
def test_presets_are_valid_and_survive_json(name):
    config = load_config(name)
    assert from_dict(config.as_dict()) == config


def test_presets_that_are_promised():
    seed, edge = load_config("seed"), load_config("edge")
    assert (seed.image_size, seed.epochs, seed.labels) == (224, 9, ("fer2013",))
    assert (edge.image_size, edge.stages[-1].resolution, edge.labels) == (48, 96, ("ferplus", "fer2013"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lerning_rate": 1.0}, "unknown field `lerning_rate`"),
        ({"seed": None}, "missing required field `seed`"),
        ({"seed": "one"}, "seed: Expected `int`, got `str`"),
        ({"seed": -1}, "seed: Expected `int` >= 0"),
        ({"grey": 1}, "grey: Expected `bool`, got `int`"),
        ({"labels": ["votes"]}, r"labels\[0\]: Invalid enum value 'votes', must be one of ferplus, fer2013, folder"),
        (
            {"network": "lenet"},
            "network: Invalid enum value 'lenet', must be one of mobilenet_v2, resnet18_48, vgg_se_48",
        ),
        ({"labels": "folder"}, "labels: Expected `array`, got `str`"),
        ({"labels": []}, "labels: Expected `array` of length >= 1"),
        ({"labels": ["folder", "folder"]}, "labels must name each label set once"),
        ({"ghost_batches": 3}, "ghost_batches must divide batch_size, 32"),
        ({"dropout": 1.0}, "dropout: Expected `float` < 1.0"),
        ({"weight_decay": float("nan")}, "weight_decay: Expected `float` >= 0.0"),
        ({"image_size": 8}, "image_size: Expected `int` >= 16"),
        ({"head": [0]}, r"head\[0\]: Expected `int` >= 1"),
        ({"head": 128}, "head: Expected `array`, got `int`"),
        ({"stages": []}, "stages: Expected `array` of length >= 1"),
        ({"stages": [{"epochs": 1}]}, r"stages\[0\]: Object missing required field `learning_rate`"),
        ({"stages": [WHOLE | {"learning_rate": 0.0}]}, r"stages\[0\].learning_rate: Expected `float` > 0"),
        ({"augmentation": {"flip": True}}, "augmentation: Object missing required field `rotation`"),
        ({"augmentation": STILL | {"noise": -0.1}}, "augmentation.noise: Expected `float` >= 0.0"),
    ],
)
def test_a_setting_that_is_missing_unknown_or_out_of_range_is_named(knobs, change, message):
    knobs |= change
    knobs = {name: value for name, value in knobs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        from_dict(knobs)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param(
            {"batch_norm": True},
            "batch_norm must be false after a stage where it is false",
            id="normalization comes back",
        ),
        pytest.param(
            {"resolution": 32},
            "after a resolution of twice image_size, all must have it",
            id="enlarged image comes back",
        ),
    ],
)
def test_stages_that_would_have_to_undo_something(knobs, second, message):
    first = WHOLE | {"batch_norm": False, "resolution": 64}
    from_dict(knobs | {"stages": [first, first]})
    with pytest.raises(ValueError, match=message):
        from_dict(knobs | {"stages": [first, first | second]})


def test_only_mobilenet_is_folded(knobs):
    with pytest.raises(ValueError, match="resnet18_48 always has batch normalization"):
        from_dict(knobs | {"network": "resnet18_48", "stages": [WHOLE | {"batch_norm": False}]})


def test_whole_numbers_pass_for_floats(knobs):
    assert from_dict(knobs | {"weight_decay": 1}).weight_decay == 1.0


def test_files_that_are_none(tmp_path: Path):
    broken = tmp_path / "broken.toml"
    broken.write_text("image_size = ")
    with pytest.raises(UserError, match="not a TOML file"):
        load_config(str(broken))
    with pytest.raises(
        UserError,
        match=r"no such configuration.*edge, edge_distilled, edge_ensemble, edge_matched, edge_robust, nano, ",
    ):
        load_config("egde")


def test_a_file_extends_another_and_names_only_what_differs(tmp_path: Path):
    (tmp_path / "base.toml").write_text('extends = "edge"\nseed = 2\n[augmentation]\nblur = 0.5\n')
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\nhead = []\n[augmentation]\nnoise = 0.1\n')
    edge, mine = load_config("edge"), load_config(str(tmp_path / "mine.toml"))
    changes = {"seed": 2, "head": ()}
    assert mine.as_dict() == edge.as_dict() | changes | {
        "augmentation": edge.as_dict()["augmentation"] | {"blur": 0.5, "noise": 0.1}
    }


def test_a_table_of_stages_replaces_that_of_the_extended_file():
    edge, distilled = load_config("edge"), load_config("edge_distilled")
    assert len(edge.stages) == len(distilled.stages) == 2
    assert not set(edge.stages) & set(distilled.stages)


def test_teachers_teach_all_that_their_pupils_learn():
    for pupil in map(load_config, ("edge_matched", "nano_matched")):
        assert pupil.teachers == ("runs/teacher_a", "runs/teacher_b")
        for teacher in map(load_config, ("teacher_a", "teacher_b")):
            assert teacher.labels == pupil.labels
            assert not teacher.teachers


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('extends = "egde"', "egde: no such configuration"),
        ('extends = "mine.toml"', "mine.toml: extends itself"),
        ("extends = 1", "mine.toml: extends: Expected `str`, got `int`"),
        ('extends = "edge"\ndropout = 2.0', "mine.toml: dropout: Expected `float` < 1.0"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, content: str, message: str):
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(UserError, match=message):
        load_config(str(tmp_path / "mine.toml"))
