"""Training by the JAX backend, in processes of its own, on one device, on two, and in two processes."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edge.base.files import write_whole  # noqa: E402
from edge.base.listen import free_port  # noqa: E402
from tests.train.conftest import WHOLE, knobs_of_a_small_run  # noqa: E402
from tests.train.test_fit import as_toml  # noqa: E402
from train.dataset import load_split  # noqa: E402
from train.run import load_progress  # noqa: E402

ROOT = Path(__file__).parents[2]
LONG = 600
"""Seconds after which a training of a few steps counts as hanging."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not here: see the extra train-jax"),
]


def start(data, run, *, epochs=1, devices=1, process=None, kill_in=0, **environment):
    """Start a training; `process` is a number of two processes and the address of the first."""
    knobs = knobs_of_a_small_run()
    # The two ghost batches and the faces of each have shares on each device.
    knobs["augmentation"] |= {"flip": True, "rotation": 10.0, "noise": 0.02, "mixup_alpha": 0.2}
    knobs["stages"] = [WHOLE | {"epochs": epochs, "learning_rate": 5e-3}]
    write_whole(run.with_suffix(".toml"), as_toml(knobs))
    environment |= {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    if process is not None:
        number, address = process
        names = {"JOB_ADDRESSES": address, "NUM_PROCESSES": "2", "PROCESS_ID": str(number)}
        environment |= {f"KERAS_DISTRIBUTION_{name}": value for name, value in names.items()}
    command = [sys.executable, "-m", "tests.train.small_network", "SIGKILL", str(kill_in), "--weights", "none"]
    arguments = ["--config", str(run.with_suffix(".toml")), "--data", str(data), "--run", str(run)]
    output = (run.parent / f"{run.name}-{process}.log").open("a")
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
    )


def losses(run):
    return [{name: value for name, value in f.items() if name.endswith("loss")} for f in load_progress(run).history]


@pytest.fixture(scope="module")
def by_one_device(bars, tmp_path_factory):
    run = tmp_path_factory.mktemp("jax") / "one"
    assert start(bars, run, epochs=2).wait(LONG) == 0, (run.parent / "one-None.log").read_text()
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
    assert start(bars, run, epochs=2, devices=2).wait(LONG) == 0, (tmp_path / "two-None.log").read_text()
    for ours, theirs in zip(losses(run), losses(by_one_device), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_two_processes_learn_what_one_learns_and_go_on_when_one_was_killed(by_one_device, bars, tmp_path):
    run, address = tmp_path / "processes", f"127.0.0.1:{free_port()}"
    first = start(bars, run, epochs=2, process=(0, address))
    second = start(bars, run, epochs=2, process=(1, address), kill_in=2)
    try:
        assert second.wait(LONG) == -signal.SIGKILL, (tmp_path / f"processes-{(1, address)}.log").read_text()
    finally:
        second.kill()
        first.kill()  # left alone it ends by itself after JAX's own time-out
        first.wait()
    assert load_progress(run).epochs == 1
    address = f"127.0.0.1:{free_port()}"
    again = [start(bars, run, epochs=2, process=(number, address)) for number in range(2)]
    assert [process.wait(LONG) for process in again] == [0, 0], [p.read_text() for p in tmp_path.glob("*.log")]
    for ours, theirs in zip(losses(run), losses(by_one_device), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    assert np.isfinite([value for figures in losses(run) for value in figures.values()]).all()
