"""A run of a small network, and the bundle made of it, once for all tests."""

import shutil
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")

from tests.train.conftest import WHOLE, knobs_of_a_small_run, write_images  # noqa: E402
from tests.train.small_network import small_network  # noqa: E402
from train.config import from_dict  # noqa: E402
from train.fit import fit  # noqa: E402

EPOCHS = 8
"""Enough for every test face to be classified right."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with votes: it agrees with the folders, except for the first image of each class, which is tied."""
    root = write_images(tmp_path_factory.mktemp("export") / "data", {"train": 40, "val": 10, "test": 10})
    columns = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt", "unknown", "NF"]
    lines = [",".join(["file", *columns])]
    for path in sorted(root.glob("*/*/*.png")):
        votes = ["5" if i in (int(path.parent.name), 7) else "0" for i in range(10)]
        if path.stem != "000":
            votes = ["10" if i == int(path.parent.name) else "0" for i in range(10)]
        lines.append(",".join([path.relative_to(root).as_posix(), *votes]))
    (root / "votes.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="session")
def run_folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on that data."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    stage = WHOLE | {"epochs": EPOCHS, "learning_rate": 5e-3, "resolution": 64}
    quick = {"stages": [stage], "batch_size": 20, "ghost_batches": 1, "batch_norm_momentum": 0.8}
    with small_network():
        fit(from_dict(knobs_of_a_small_run() | quick), data, folder, "none")
    return folder


@pytest.fixture(scope="session")
def network(run_folder: Path) -> "keras.Model":
    return keras.models.load_model(run_folder / "best-folder.keras", compile=False).get_layer("network")


@pytest.fixture
def run_copy(run_folder: Path, tmp_path: Path) -> Path:
    """The same run, to be damaged."""
    return shutil.copytree(run_folder, tmp_path / "run")
