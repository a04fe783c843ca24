"""A run of a small network and the data it learnt from, once for all tests."""

import shutil
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")


@pytest.fixture(scope="session")
def data(learnt: Path) -> Path:
    """A data set with votes: it agrees with the folders, except for the first image of each class, which is tied."""
    return learnt / "data"


@pytest.fixture(scope="session")
def run_folder(learnt: Path) -> Path:
    """A run of a small network on that data."""
    return learnt / "run"


@pytest.fixture(scope="session")
def network(run_folder: Path) -> "keras.Model":
    return keras.models.load_model(run_folder / "best-folder.keras", compile=False).get_layer("network")


@pytest.fixture
def run_copy(run_folder: Path, tmp_path: Path) -> Path:
    """The same run, to be damaged."""
    return shutil.copytree(run_folder, tmp_path / "run")
