"""What a bundle is made from: a run's best network, and what counts as right for it."""

from pathlib import Path

import keras
import numpy as np

from edge.errors import UserError
from export.balance import choose_strength, fold_balance
from export.temperature import fit_temperature, fold_temperature
from train.candidates import predict_keras, run_model
from train.config import Config, Labels
from train.dataset import Split, read_crowd_majority, read_labels
from train.model import deployable, mirrored


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
        raise UserError(f"{folder}: no finished epoch to export", "train it by 'make train'")
    try:
        network = keras.models.load_model(path, compile=False).get_layer("network")
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a model of this package ({error})", "train it by 'make train'") from error
    return mirrored(network) if mirror else network


def crowd_majority(data: Path, split: Split) -> np.ndarray | None:
    """The crowd's majority for each image, int `[n]`, -1 where unclear; None where the data set has no votes."""
    return read_crowd_majority(data, split.files) if (data / "votes.csv").is_file() else None


def truth(labels: Labels, data: Path, split: Split) -> np.ndarray:
    """What is right, int `[n]`: the crowd's clear majority (-1 elsewhere), or the folder where nobody voted."""
    crowd = crowd_majority(data, split) if labels == "crowd" else None
    return split.classes if crowd is None else crowd


def fold_confidence(
    network: keras.Model, labels: Labels, data: Path, training: Split, validation: Split, strength: float | None = None
) -> tuple[float, float]:
    """Fit temperature and balance on what was not trained on, and put both into the last layer.

    Args:
        network: with one head; its last layer is changed.
        labels: the kind it answers with.
        data: the data set's folder.
        training: by whose labels a class is rare.
        validation: what both are fitted on.
        strength: of the balance; fitted where it is None.

    Returns:
        Temperature and strength.
    """
    right = truth(labels, data, validation)
    clear = right >= 0
    probabilities = predict_keras(deployable(network), validation.images[clear])
    temperature = fit_temperature(probabilities, right[clear])
    fold_temperature(network, temperature)
    learnt, _ = read_labels(data, training, [labels])
    shares = learnt.sum(axis=(0, 1)) / learnt.sum()
    if strength is None:
        tempered = np.clip(probabilities, 1e-7, 1) ** (1 / temperature)
        strength = choose_strength(tempered, right[clear], shares)
    fold_balance(network, strength, shares)
    return temperature, strength
