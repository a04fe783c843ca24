"""A small data set whose classes can be told apart, and a network small enough to learn them in seconds."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.small_network import small_network
from train.config import Config, from_dict

# As `train.fit` has it: sums over several threads differ in the last digit, and runs are compared.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

SIDE = 32


def write_images(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Grey images of bars with noise, each class darker or lighter and turned; `counts` images a class and split."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    for split, count in counts.items():
        for number in range(7):
            folder = root / split / str(number)
            folder.mkdir(parents=True)
            angle = number * np.pi / 7
            for i in range(count):
                wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 1.5 + rng.uniform(0, 2 * np.pi))
                image = 60 + 22 * number + 40 * wave + rng.normal(0, 10, wave.shape)
                cv2.imwrite(str(folder / f"{i:03d}.png"), np.clip(image, 0, 255).astype(np.uint8))
    return root


def write_votes(root: Path) -> Path:
    """Add votes that agree with the folders, except for the first image of each class, which is tied."""
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
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with train, val and test."""
    return write_images(tmp_path_factory.mktemp("data") / "bars", {"train": 32, "val": 8, "test": 8})


HEAD = {
    "epochs": 1,
    "learning_rate": 2e-3,
    "resolution": 32,
    "train_backbone": False,
    "augment": True,
    "batch_norm": True,
}
"""A stage of the smallest kind, in which the head alone learns."""

WHOLE = HEAD | {"learning_rate": 1e-3, "train_backbone": True}
"""The same for the whole network."""


_KINDS = ("rotation", "scale", "shift", "contrast", "brightness", "random_erasing", "blur", "noise", "mixup_alpha")
STILL = {"flip": False} | dict.fromkeys(_KINDS, 0.0)
"""Faces that are not changed at all."""


def knobs_of_a_small_run() -> dict:
    """A configuration as plain values."""
    return {
        "image_size": SIDE,
        "grey": True,
        "network": "mobilenet_v2",
        "alpha": 0.35,
        "head": [16],
        "dropout": 0.0,
        "labels": ["folder"],
        "label_smoothing": 0.0,
        "teachers": [],
        "teacher_share": 0.0,
        "batch_size": 32,
        "ghost_batches": 2,
        "adam_beta_2": 0.999,
        "weight_decay": 0.0,
        "warmup_fraction": 0.1,
        "batch_norm_momentum": 0.9,
        "ema_decay": 0.8,
        "mixed_precision": False,
        "seed": 1,
        "augmentation": dict(STILL),
        "stages": [HEAD],
    }


@pytest.fixture
def knobs() -> dict:
    """A configuration as plain values, for tests to change."""
    return knobs_of_a_small_run()


@pytest.fixture
def config(knobs: dict) -> Config:
    return from_dict(knobs)


EPOCHS = 8
"""Enough for every test face to be classified right."""


def learn(folder: Path) -> None:
    """Write a data set with votes, `data`, and a run on it, `run`, into a folder."""
    from train.fit import fit  # which imports TensorFlow

    data = write_votes(write_images(folder / "data", {"train": 40, "val": 10, "test": 10}))
    stage = WHOLE | {"epochs": EPOCHS, "learning_rate": 5e-3, "resolution": 64}
    # One ghost batch: ten faces are too few for batch statistics.
    quick = {"stages": [stage], "batch_size": 20, "ghost_batches": 1, "batch_norm_momentum": 0.8}
    with small_network():
        fit(from_dict(knobs_of_a_small_run() | quick), data, folder / "run", "none")
