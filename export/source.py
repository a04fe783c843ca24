"""What a bundle is made from: a run's best network, the data it saw, and what counts as right for it."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from edge.cli import whole_number
from edge.errors import UserError
from export.balance import choose_strength, fold_balance
from export.temperature import fit_temperature, fold_temperature
from train import run
from train.candidates import load_keras, predict_keras, run_model
from train.config import Config, Labels
from train.dataset import Split, load_split, read_crowd_majority, read_labels
from train.model import deployable, mirrored


@dataclass(frozen=True)
class Source:
    """A run, opened.

    Attributes:
        config: its configuration.
        description: its `run.json`.
        progress: its finished epochs.
        labels: the kind of label that is answered with.
        network: the best epoch's, with the head for these labels alone.
        training: the split it learnt from, uint8 RGB at the network's size.
        validation: the split it was chosen by.
    """

    config: Config
    description: dict[str, Any]
    progress: run.Progress
    labels: Labels
    network: keras.Model
    training: Split
    validation: Split


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """The options by which `open_source` and what follows it know what to look at."""
    parser.add_argument("--run", type=Path, default=Path("runs/edge"), help="default: %(default)s")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--labels", choices=get_args(Labels), help="what it answers with; default: the run's first")
    parser.add_argument("--mirror", action="store_true", help="look at the mirror image, too: better, and half as fast")
    parser.add_argument("--balance", type=_share, metavar="S", help="0 to 1, for rare classes; default: fitted")
    parser.add_argument("--samples", type=int, default=350, help="calibration images; default: %(default)s")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of all draws; default: %(default)s")


def open_source(arguments: argparse.Namespace) -> Source:
    """Open what `add_source_options` name.

    Raises:
        UserError: there is no run, no finished epoch, no such label; or the data is not what it was trained on.
    """
    folder: Path = arguments.run
    description, config, progress = run.load_description(folder), run.load_run_config(folder), run.load_progress(folder)
    if not progress.epochs:
        raise UserError(f"{folder}: no finished epoch to export", "train it by 'make train'")
    labels = chosen_labels(folder, config, arguments.labels)
    network = load_network(folder, labels, mirror=arguments.mirror)
    training, validation = (load_split(arguments.data, name, network.input_shape[1], 3) for name in ("train", "val"))
    for name, split in (("train", training), ("val", validation)):
        _, fingerprint = read_labels(arguments.data, split, config.labels)
        if fingerprint != description["data"][name]:
            raise UserError(
                f"{arguments.data}: its {name} split is not the one that {folder} was trained on",
                "name that data set by DATA=<folder>",
            )
    return Source(config, description, progress, labels, network, training, validation)


def chosen_labels(folder: Path, config: Config, wanted: Labels | None) -> Labels:
    """The kind of label that is answered with: the one asked for, or the run's first.

    Raises:
        UserError: the run did not learn it.
    """
    labels = wanted or config.labels[0]
    if labels not in config.labels:
        known = " and ".join(config.labels)
        raise UserError(f"{folder} did not learn the labels '{labels}', but {known}", "name one it learnt")
    return labels


def load_network(folder: Path, labels: Labels, *, mirror: bool = False) -> keras.Model:
    """The trained network inside the run's best model, with the head for these labels alone.

    Args:
        folder: of the run.
        labels: the kind of label.
        mirror: whether it looks at the mirror image as well (`train.model.mirrored`).

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = folder / run_model(labels)
    if not path.is_file():
        raise UserError(f"{path}: the run's best model is missing", "train it by 'make train'")
    try:
        network = load_keras(path, path.read_bytes()).get_layer("network")
    except ValueError as error:
        raise UserError(f"{path}: not a model of this package ({error})", "train it by 'make train'") from error
    return mirrored(network) if mirror else network


def crowd_majority(data: Path, split: Split) -> np.ndarray | None:
    """The crowd's majority for each image, int `[n]`, -1 where unclear; None where the data set has no votes."""
    return read_crowd_majority(data, split.files) if (data / "votes.csv").is_file() else None


def truth(labels: Labels, data: Path, split: Split) -> np.ndarray:
    """What is right, int `[n]`: the crowd's clear majority (-1 elsewhere), or the folder where nobody voted.

    Raises:
        UserError: people voted, but no image has a clear majority.
    """
    crowd = crowd_majority(data, split) if labels == "crowd" else None
    if crowd is not None and not (crowd >= 0).any():
        raise UserError(f"{data}: no image of a split has a clear majority of votes", "export with --labels folder")
    return split.classes if crowd is None else crowd


def fold_confidence(source: Source, data: Path, strength: float | None = None) -> tuple[float, float]:
    """Fit balance and temperature on the validation split, and put both into the network's last layer.

    The temperature comes last, since it must be honest about the answers that are given in the end.

    Args:
        source: its network is changed; by its training labels a class is rare.
        data: the data set's folder.
        strength: of the balance; fitted where it is None.

    Returns:
        Temperature and strength.
    """
    right = truth(source.labels, data, source.validation)
    clear = right >= 0
    model, faces = deployable(source.network), source.validation.images[clear]
    learnt, _ = read_labels(data, source.training, [source.labels])
    shares = learnt.sum(axis=(0, 1)) / learnt.sum()
    if strength is None:
        strength = choose_strength(predict_keras(model, faces), right[clear], shares)
    fold_balance(source.network, strength, shares)
    temperature = fit_temperature(predict_keras(model, faces), right[clear])
    fold_temperature(source.network, temperature)
    return temperature, strength


def _share(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
