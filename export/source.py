"""The source of a bundle: a run's best network, the data it was trained on, and the truth to measure it by."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from edge.app.arguments import whole_number
from edge.base.errors import UserError
from edge.model.manifest import LabelSet
from train import run
from train.config import Config
from train.dataset import Split, load_split, read_labels, read_truths
from train.model import mirrored
from train.model_loader import check_classes, load_keras, run_model


@dataclass(frozen=True)
class TrainedRun:
    """A run with the data set that it was trained on.

    Attributes:
        folder: of the run.
        data: folder of the data set.
        config: its configuration.
        description: its `run.json`.
        progress: its finished epochs.
        labels: label set of the head that is exported.
        mirror: True if the network averages over the mirror image.
        network: of the best epoch, with this head only.
        training: the training split, uint8 RGB at the network's input size.
        validation: the validation split.
    """

    folder: Path
    data: Path
    config: Config
    description: Mapping[str, Any]
    progress: run.Progress
    labels: LabelSet
    mirror: bool
    network: keras.Model
    training: Split
    validation: Split

    @property
    def best_epoch(self) -> int:
        """Index of the epoch whose weights the network has."""
        return self.progress.best(self.labels)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `load_run`, and those of calibration."""
    parser.add_argument("--run", type=Path, default=Path("runs/edge"), help="default: %(default)s")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--labels", choices=get_args(LabelSet), help="label set to export; default: the run's first")
    parser.add_argument("--mirror", action="store_true", help="average over the mirror image: better, half as fast")
    parser.add_argument(
        "--logit-adjustment",
        type=_share,
        metavar="S",
        help="strength of the adjustment for rare classes, 0 to 1; default: fitted",
    )
    parser.add_argument("--samples", type=int, default=350, help="calibration images; default: %(default)s")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="seed of all random draws; default: %(default)s"
    )


def load_run(folder: Path, data: Path, labels: LabelSet | None = None, *, mirror: bool = False) -> TrainedRun:
    """Load a run and its data.

    Args:
        folder: of the run.
        data: folder of the data set.
        labels: label set; the run's first if None.
        mirror: average over the mirror image (`train.model.mirrored`).

    Raises:
        UserError: the run, a finished epoch or the label set is missing, or the run was trained on other data.
    """
    description, config, progress = run.load_description(folder), run.load_run_config(folder), run.load_progress(folder)
    if not progress.epochs:
        raise UserError(f"{folder}: no finished epoch to export", "train it by 'make train'")
    chosen = chosen_labels(folder, config, labels)
    network = load_network(folder, chosen, mirror=mirror)
    training, validation = (load_split(data, name, network.input_shape[1], 3) for name in ("train", "val"))
    check_classes(folder, training.names)
    for name, split in (("train", training), ("val", validation)):
        _, fingerprint = read_labels(data, split, config.labels)
        if fingerprint != description["data"][name]:
            raise UserError(
                f"{data}: its {name} split is not the one that {folder} was trained on",
                "name that data set by DATA=<folder>",
            )
    return TrainedRun(folder, data, config, description, progress, chosen, mirror, network, training, validation)


def chosen_labels(folder: Path, config: Config, wanted: LabelSet | None) -> LabelSet:
    """Return the label set to export: the wanted one, or the run's first.

    Raises:
        UserError: the run has no head for it.
    """
    labels = wanted or config.labels[0]
    if labels not in config.labels:
        known = " and ".join(config.labels)
        raise UserError(f"{folder} was not trained on the label set '{labels}', but on {known}", "name one of these")
    return labels


def load_network(folder: Path, labels: LabelSet, *, mirror: bool = False) -> keras.Model:
    """Load the network inside the run's best model, with the head of one label set.

    Args:
        folder: of the run.
        labels: label set.
        mirror: average over the mirror image (`train.model.mirrored`).

    Raises:
        UserError: the model is missing or cannot be read.
    """
    path = folder / run_model(labels)
    if not path.is_file():
        raise UserError(f"{path}: the run's best model is missing", "train it by 'make train'")
    try:
        network = load_keras(path, path.read_bytes()).get_layer("network")
    except ValueError as error:
        raise UserError(f"{path}: not a model of this package ({error})", "train it by 'make train'") from error
    return mirrored(network) if mirror else network


def truth(labels: LabelSet, data: Path, split: Split) -> np.ndarray:
    """Return the true class of each image by a label set, int `[n]`; -1 where it has none.

    Raises:
        UserError: no image has a clear majority of votes.
    """
    found = read_truths(data, split)[labels]
    if not (found >= 0).any():
        raise UserError(f"{data}: no image of a split has a clear majority of votes", "export with --labels fer2013")
    return found


def _share(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
