"""Turns a training run into a bundle: converted, quantized, measured, and proved equal.

python -m export --run runs/edge --data data/fer2013 --output models/default
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.bundle import load_bundle, read_manifest
from edge.detect import open_detector
from edge.errors import UserError, exit_on_user_error
from edge.quiet import quiet_libraries
from export.bundle import check_target, describe_file, manifest_head, tool_versions, write_bundle
from export.calibration import representative_faces
from export.card import model_card
from export.convert import convert
from export.metadata import with_metadata
from export.parity import compare, require_parity
from export.temperature import fit_temperature, fold_temperature
from export.template import measure_template
from train import run
from train.candidates import predict_keras, predict_tflite
from train.dataset import Split, load_split, read_crowd_majority, read_labels
from train.evaluate import Evaluation, evaluate
from train.model import deployable


def export(arguments: argparse.Namespace) -> None:
    """From a run to a bundle in place.

    Raises:
        UserError: the run or the data is missing or does not belong together, or a variant fails its proof.
    """
    check_target(arguments.output)
    description, progress = run.load_description(arguments.run), run.load_progress(arguments.run)
    if 0 < progress.epochs < run.load_run_config(arguments.run).epochs and not arguments.unfinished:
        raise UserError(
            f"{arguments.run} is unfinished, {progress.epochs} epochs are done",
            "go on by 'make train', or add ARGS=--unfinished",
        )
    network = _load_network(arguments.run, progress)
    size = network.input_shape[1]
    training, validation, test = (load_split(arguments.data, n, size, 3) for n in ("train", "val", arguments.split))
    _check_data(arguments, description, {"train": training, "val": validation})

    temperature = _fold_fitted_temperature(network, arguments.data, validation)
    calibration = representative_faces(training, arguments.samples, arguments.seed)
    models = {variant: with_metadata(m) for variant, m in convert(network, calibration).items()}
    variants, evaluations = _measure(models, arguments.data, test)
    manifest = {
        **manifest_head(arguments.name, size, network.get_layer("backbone").input_shape[1]),
        "face_template": _template(arguments, training),
        "temperature": round(temperature, 4),
        "split": arguments.split,
        "variants": variants,
        "calibration": {"split": "train", "images": len(calibration), "seed": arguments.seed},
        "training": _training(description, progress),
        "data": _source(arguments.data) | description["data"] | {arguments.split: test.fingerprint},
        "tools": tool_versions(),
    }
    int8 = evaluations["int8"]
    kinds = {"folder": int8.folder, **({"crowd": int8.crowd} if int8.crowd else {})}
    write_bundle(arguments.output, models, manifest, model_card(manifest, kinds))
    print(_report(arguments.output, manifest))


def _load_network(folder: Path, progress: run.Progress) -> keras.Model:
    """The trained network inside the run's best model."""
    path = folder / run.MODEL
    if not path.is_file() or not progress.epochs:
        raise UserError(f"{folder}: no finished epoch to export", "train it by 'make train'")
    try:
        return keras.models.load_model(path, compile=False).get_layer("network")
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a model of this package ({error})", "train it by 'make train'") from error


def _check_data(arguments: argparse.Namespace, description: dict[str, Any], splits: dict[str, Split]) -> None:
    """The figures of a bundle must belong to the data that its manifest names."""
    config = run.load_run_config(arguments.run)
    for name, split in splits.items():
        _, fingerprint = read_labels(arguments.data, split, config.labels)
        if fingerprint != description["data"][name]:
            raise UserError(
                f"{arguments.data}: its {name} split is not the one that {arguments.run} was trained on",
                "name that data set by DATA=<folder>",
            )


def _fold_fitted_temperature(network: keras.Model, data: Path, validation: Split) -> float:
    """Fit on what was not trained on: the crowd's clear majorities where there are votes, else the folders."""
    crowd = _crowd(data, validation)
    truth = validation.classes if crowd is None else crowd
    clear = truth >= 0
    probabilities = predict_keras(deployable(network), validation.images[clear])
    temperature = fit_temperature(probabilities, truth[clear])
    fold_temperature(network, temperature)
    return temperature


def _crowd(data: Path, split: Split) -> np.ndarray | None:
    """The crowd's majority for each image, None where the data set has no votes."""
    return read_crowd_majority(data, split.files) if (data / "votes.csv").is_file() else None


def _measure(models: dict[str, bytes], data: Path, test: Split) -> tuple[dict[str, Any], dict[str, Evaluation]]:
    """Each variant's entry in the manifest, and its evaluation; the first variant is what the others must equal."""
    crowd = _crowd(data, test)
    truth = test.classes if crowd is None else crowd
    answers = {variant: predict_tflite(content, test.images) for variant, content in models.items()}
    evaluations = {variant: evaluate(p, test, crowd) for variant, p in answers.items()}
    entries = {}
    for variant, content in models.items():
        parity = compare(answers["float32"], answers[variant], truth)
        require_parity(variant, parity)
        entries[variant] = describe_file(content) | _brief(evaluations[variant]) | {"parity": parity.as_dict()}
    return entries, evaluations


def _brief(evaluation: Evaluation) -> dict[str, Any]:
    return {
        kind: None
        if scores is None
        else {
            "images": scores.images,
            "accuracy": round(scores.accuracy, 5),
            "macro_f1": round(scores.macro_f1, 5),
            "calibration_error": round(scores.calibration_error, 5),
        }
        for kind, scores in (("folder", evaluation.folder), ("crowd", evaluation.crowd))
    }


def _template(arguments: argparse.Namespace, training: Split) -> dict[str, Any]:
    if arguments.template:
        load_bundle(arguments.template)
        return read_manifest(arguments.template)["face_template"]
    return measure_template(training, open_detector("yunet"), arguments.seed)


def _training(description: dict[str, Any], progress: run.Progress) -> dict[str, Any]:
    return {
        "config": description["config"],
        "weights": description["weights"],
        "epochs": progress.epochs,
        "best_epoch": progress.best + 1,
        "best": {name: round(value, 5) for name, value in progress.history[progress.best].items()},
    }


def _source(data: Path) -> dict[str, str]:
    """What the data set was imported from, where its import says so."""
    record = data / "import.json"
    return {"source": json.loads(record.read_text())["source"]} if record.is_file() else {}


def _report(folder: Path, manifest: dict[str, Any]) -> str:
    lines = [f"{'variant':<10}{'MB':>7}{'folder':>9}{'FER+':>9}{'agrees':>9}{'largest difference':>20}"]
    for name, v in manifest["variants"].items():
        crowd = f"{v['crowd']['accuracy']:.2%}" if v["crowd"] else "–"
        parity = v["parity"]
        lines.append(
            f"{name:<10}{v['bytes'] / 1e6:>7.2f}{v['folder']['accuracy']:>9.2%}{crowd:>9}"
            f"{parity['agreement']:>9.2%}{parity['largest_difference']:>20.3f}"
        )
    return "\n".join([*lines, f"temperature {manifest['temperature']}, written to {folder}"])


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export", description="Turn a training run into a bundle.")
    parser.add_argument("--run", type=Path, default=Path("runs/edge"), help="default: %(default)s")
    parser.add_argument("--data", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("models/default"), help="default: %(default)s")
    parser.add_argument("--name", help="the bundle's name; default: its folder's")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="measured on; default: %(default)s")
    parser.add_argument("--samples", type=int, default=350, help="calibration images; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of calibration and template; default: %(default)s")
    parser.add_argument("--template", type=Path, metavar="BUNDLE", help="take the face template from another bundle")
    parser.add_argument("--unfinished", action="store_true", help="export a run before its last epoch")
    arguments = parser.parse_args()
    quiet_libraries()
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow warns of its own converter's ways
    arguments.name = arguments.name or arguments.output.resolve().name
    export(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
