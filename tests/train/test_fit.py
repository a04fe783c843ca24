import csv
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

keras = pytest.importorskip("keras")

from edge.base.errors import UserError  # noqa: E402
from tests.train.conftest import HEAD, WHOLE, knobs_of_a_small_run  # noqa: E402
from tests.train.small_network import small_network  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.dataset import Labelled, load_labelled, load_split  # noqa: E402
from train.fit import EndOfEpoch, fit  # noqa: E402
from train.run import Progress, load_progress  # noqa: E402
from train.trainer import Trainer  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _small_network():
    with small_network():
        yield


@pytest.fixture(scope="module")
def trained(bars, tmp_path_factory):
    """A run of one epoch in which the whole network learnt."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    fit(from_dict(knobs_of_a_small_run() | stages((WHOLE, 1))), bars, folder, "none")
    return folder


@pytest.fixture
def run_copy(trained, tmp_path):
    """The same run, to be changed."""
    return shutil.copytree(trained, tmp_path / "run")


def stages(*pairs):
    return {"stages": [{**kind, "epochs": epochs} for kind, epochs in pairs]}


def test_stages_follow_one_another(knobs):
    config = from_dict(knobs | stages((HEAD, 2), (WHOLE, 3)))
    assert [config.stage_at(epoch) for epoch in range(config.epochs)] == [0, 0, 1, 1, 1]


def test_it_learns_and_writes_what_it_promises(learnt):
    run = learnt / "run"
    assert load_progress(run).history[-1]["val_folder_accuracy"] >= 0.8  # by chance: 0.14
    names = {path.name for path in run.iterdir()}
    assert names == {"run.json", "checkpoint.npz", "best-folder.keras", "history.csv", "curves.png", "tensorboard"}
    test = load_split(learnt / "data", "test", 32, 3)
    model = keras.models.load_model(run / "best-folder.keras")
    accuracy = (model.predict(test.images, verbose=0).argmax(axis=1) == test.classes).mean()
    assert accuracy >= 0.8


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_been(bars, knobs, tmp_path):
    """Killed in the second of two stages that differ in all they can, with augmentation and dropout at random."""
    folded = {**WHOLE, "batch_norm": False, "resolution": 64, "learning_rate": 1e-4}
    knobs |= stages((HEAD, 1), (folded, 2)) | {"dropout": 0.3, "labels": ["ferplus", "folder"]}
    knobs["augmentation"] |= {"flip": True, "rotation": 10.0, "random_erasing": 0.5, "mixup_alpha": 0.2}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train(knobs, bars, killed, "SIGKILL", 3).returncode == -signal.SIGKILL
    assert load_progress(killed).epochs == 2
    for run in (killed, whole):
        fit(from_dict(knobs), bars, run, "none")
    expected, found = (load_progress(run).history for run in (whole, killed))
    for figures in (*expected, *found):
        del figures["seconds"]
    assert len(found) == 3
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    with (killed / "history.csv").open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3"]


def test_a_stage_goes_on_where_the_last_one_ended(bars, knobs):
    """Folded or not, the backbone of the averaged weights sees the same in a face."""
    seen = {**WHOLE, "resolution": 64}
    config = from_dict(knobs | stages((seen, 1), ({**seen, "batch_norm": False}, 1)))
    training = load_labelled(bars, "train", 32, 1, config.labels)
    first = Trainer(config, 0, len(training.images))
    first.fit(training, 0, 1, [])
    second = Trainer(config, 1, len(training.images), previous=first)
    faces = training.images[:8] / np.float32(255)
    before, after = (
        trainer.ema_model("folder").get_layer("network").get_layer("backbone").predict(faces, verbose=0)
        for trainer in (first, second)
    )
    assert before.max() > 0
    np.testing.assert_allclose(after, before, atol=1e-3 * before.max())


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_epochs(bars, knobs, tmp_path):
    done = train(knobs | stages((HEAD, 3)), bars, tmp_path / "run", "SIGINT", 2)
    assert done.returncode == 130
    assert "the same command resumes" in done.stderr
    assert "Traceback" not in done.stderr
    assert load_progress(tmp_path / "run").epochs == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight_decay": 0.5}, r"config.weight_decay = 0.0, not 0.5"),
        (stages((WHOLE, 2)), r"config.stages\[0\].epochs = 1, not 2"),
    ],
)
def test_another_configuration_on_an_old_run_is_refused(bars, knobs, trained, change, message):
    with pytest.raises(UserError, match=message):
        fit(from_dict(knobs | stages((WHOLE, 1)) | change), bars, trained, "none")


def test_a_finished_run_is_not_trained_again(bars, knobs, run_copy):
    before = {path.name: path.stat().st_mtime_ns for path in run_copy.iterdir()}
    fit(from_dict(knobs | stages((WHOLE, 1))), bars, run_copy, "none")
    assert {path.name: path.stat().st_mtime_ns for path in run_copy.iterdir()} == before


def test_a_wrong_first_try_does_not_block_the_run(bars, knobs, tmp_path):
    with pytest.raises(UserError, match="no such weights file"):
        fit(from_dict(knobs), bars, tmp_path / "run", str(tmp_path / "missing.h5"))
    fit(from_dict(knobs), bars, tmp_path / "run", "none")
    assert load_progress(tmp_path / "run").epochs == 1


class TestStartFromRun:
    """A run goes on with what another has learnt, whatever labels that one had."""

    def test_the_backbone_sees_what_the_runs_average_saw(self, trained, bars, knobs):
        config = from_dict(knobs | {"labels": ["ferplus", "folder"]} | stages((WHOLE, 1)))
        images = load_labelled(bars, "train", 32, 1, config.labels).images[:8]
        trainer = Trainer(config, 0, 8)
        trainer.initialize(str(trained))
        theirs = keras.models.load_model(trained / "best-folder.keras").get_layer("network").get_layer("backbone")
        ours = trainer.ema_model("ferplus").get_layer("network").get_layer("backbone")
        faces = images / np.float32(255)
        np.testing.assert_allclose(ours.predict(faces, verbose=0), theirs.predict(faces, verbose=0), atol=1e-5)

    def test_heads_for_the_same_labels_go_on_too(self, trained, bars, knobs):
        config = from_dict(knobs | {"labels": ["ferplus", "folder"]} | stages((WHOLE, 1)))
        trainer = Trainer(config, 0, 8)
        before = trainer.network.get_layer("ferplus").get_weights()
        trainer.initialize(str(trained))
        theirs = keras.models.load_model(trained / "best-folder.keras").get_layer("network").get_layer("folder")
        for ours, learnt in zip(trainer.network.get_layer("folder").get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, learnt)
        for ours, begun in zip(trainer.network.get_layer("ferplus").get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, begun)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [({"alpha": 0.5}, "narrower .*alpha = 0.35"), ({"grey": False}, "other input channels .*grey = true")],
    )
    def test_a_backbone_that_has_not_enough_is_refused(self, trained, bars, knobs, tmp_path, change, problem):
        with pytest.raises(UserError, match=problem):
            fit(from_dict(knobs | change), bars, tmp_path / "second", str(trained))

    @pytest.mark.parametrize(
        ("last", "first", "problem"),
        [
            ({"resolution": 64}, {"resolution": 32}, "changes the first convolution.*set resolution = 64"),
            ({"batch_norm": False}, {"batch_norm": True}, "without batch normalization.*set batch_norm = false"),
        ],
    )
    def test_a_backbone_of_another_form_is_refused(self, bars, knobs, run_copy, tmp_path, last, first, problem):
        description = json.loads((run_copy / "run.json").read_text())
        description["config"] |= stages(({**WHOLE, **last}, 1))
        (run_copy / "run.json").write_text(json.dumps(description))
        with pytest.raises(UserError) as refused:
            fit(from_dict(knobs | stages(({**WHOLE, **first}, 1))), bars, tmp_path / "second", str(run_copy))
        assert re.search(problem, f"{refused.value.problem}: {refused.value.remedy}")

    def test_a_folder_without_a_run_is_refused(self, bars, knobs, tmp_path):
        with pytest.raises(UserError, match="no training run here"):
            fit(from_dict(knobs), bars, tmp_path / "second", str(tmp_path))


def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_epoch(bars, knobs, tmp_path):
    config = from_dict(knobs | stages((HEAD, 1), ({**HEAD, "learning_rate": 1e5}, 2)))
    with pytest.raises(UserError, match=r"the loss became \S+ in epoch 2"):
        fit(config, bars, tmp_path / "run", "none")
    assert load_progress(tmp_path / "run").epochs == 1
    assert (tmp_path / "run/best-folder.keras").is_file()


def test_a_network_that_is_sure_and_wrong_has_exploded(knobs, tmp_path):
    trainer = Trainer(from_dict(knobs | stages((WHOLE, 1))), 0, 32)
    answers = trainer.network.get_layer("folder").get_layer("probabilities")
    kernel, bias = answers.get_weights()
    answers.set_weights([kernel, bias - 1000 * np.eye(7, dtype=np.float32)[3]])
    happy = Labelled(np.zeros((32, 32, 32, 1), np.uint8), np.eye(7, dtype=np.float32)[np.full((32, 1), 3)], "")
    end_of_epoch = EndOfEpoch(trainer, happy, tmp_path, Progress(), tqdm(disable=True))
    with pytest.raises(UserError, match=r"the loss became 16\.1 in epoch 1"):
        trainer.fit(happy, 0, 1, [end_of_epoch])


def test_weights_that_are_no_numbers_are_not_kept(bars, knobs, tmp_path, monkeypatch):
    validate, spoilt = Trainer.validate, []

    def spoil(self, validation):
        figures = validate(self, validation)
        if spoilt:
            self.network.weights[0].assign(self.network.weights[0] * np.nan)
        spoilt.append(True)
        return figures

    monkeypatch.setattr(Trainer, "validate", spoil)
    with pytest.raises(UserError, match="after epoch 2, weights are not finite"):
        fit(from_dict(knobs | stages((WHOLE, 2))), bars, tmp_path / "run", "none")
    assert load_progress(tmp_path / "run").epochs == 1


@pytest.mark.parametrize("length", [0, 100])
def test_a_cut_off_checkpoint_is_named(bars, knobs, run_copy, length):
    checkpoint = run_copy / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:length])
    with pytest.raises(UserError, match=r"checkpoint\.npz: not a checkpoint that can be read"):
        fit(from_dict(knobs | stages((WHOLE, 1))), bars, run_copy, "none")


def train(knobs: dict, data: Path, run: Path, interrupt: str, epoch: int) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own that gets a signal in an epoch."""
    config = run.with_suffix(".toml")
    config.write_text(as_toml(knobs))
    command = [sys.executable, "-m", "tests.train.small_network", interrupt, str(epoch), "--weights", "none"]
    arguments = ["--config", str(config), "--data", str(data), "--run", str(run)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)


def as_toml(knobs: dict) -> str:
    plain = [f"{name} = {json.dumps(value)}" for name, value in knobs.items() if not is_table(value)]
    tables = ["[augmentation]", *(f"{k} = {json.dumps(v)}" for k, v in knobs["augmentation"].items())]
    for stage in knobs["stages"]:
        tables += ["[[stages]]", *(f"{k} = {json.dumps(v)}" for k, v in stage.items())]
    return "\n".join(plain + tables)


def is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
