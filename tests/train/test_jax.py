"""Training by the JAX backend, in processes of its own, on one device and on two."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")

from edge.base.files import write_whole  # noqa: E402
from tests.train.conftest import WHOLE, knobs_of_a_small_run  # noqa: E402
from tests.train.test_fit import as_toml  # noqa: E402
from train.dataset import load_split  # noqa: E402
from train.run import load_progress  # noqa: E402

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not here: see the extra train-jax"),
]


def train(data, run, *, epochs=1, devices=1):
    """Train to the end."""
    knobs = knobs_of_a_small_run()
    # The two ghost batches and the faces of each have shares on each device.
    knobs["augmentation"] |= {"flip": True, "rotation": 10.0, "noise": 0.02, "mixup_alpha": 0.2}
    knobs["stages"] = [WHOLE | {"epochs": epochs, "learning_rate": 5e-3}]
    write_whole(run.with_suffix(".toml"), as_toml(knobs))
    environment = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    command = [sys.executable, "-m", "tests.train.small_network", "SIGKILL", "0", "--weights", "none"]
    arguments = ["--config", str(run.with_suffix(".toml")), "--data", str(data), "--run", str(run)]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def losses(run):
    return [{name: value for name, value in f.items() if name.endswith("loss")} for f in load_progress(run).history]


@pytest.fixture(scope="module")
def by_one_device(bars, tmp_path_factory):
    run = tmp_path_factory.mktemp("jax") / "one"
    train(bars, run, epochs=2)
    return run


def test_what_jax_has_trained_is_loaded_by_the_backend_in_use(by_one_device, bars):
    assert "jax" not in keras.backend.backend()
    model = keras.saving.load_model(by_one_device / "best-folder.keras")
    validation = load_split(bars, "val", 32, 3)
    found = (model.predict(validation.images, verbose=0).argmax(axis=1) == validation.classes).mean()
    progress = load_progress(by_one_device)
    best = progress.history[progress.best("folder")]
    assert found == pytest.approx(best["val_folder_accuracy"], abs=1.5 / len(validation.images))
    assert progress.history[-1]["loss"] < progress.history[0]["loss"]


def test_two_devices_learn_what_one_learns(by_one_device, bars, tmp_path):
    run = tmp_path / "two"
    train(bars, run, epochs=2, devices=2)
    for ours, theirs in zip(losses(run), losses(by_one_device), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
