"""Turns a training run into a bundle: converted, quantized, measured, and proved equal.

python -m export --run runs/edge --data data/fer2013 --output models/edge
"""

import argparse
import json
import logging
import shlex
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from edge.bundle import load_bundle, read_manifest
from edge.detect import open_detector
from edge.errors import UserError, exit_on_user_error
from edge.quiet import quiet_libraries
from export import debug
from export.bundle import check_target, describe_file, manifest_head, tool_versions, write_bundle
from export.calibration import representative_faces
from export.card import FER_2013, model_card
from export.convert import Quantization, convert
from export.edge_tpu import edge_tpu_obstacles
from export.figures import draw_figures
from export.measure import Measured, measure
from export.metadata import with_metadata
from export.parity import OPTIONAL, compare, require_parity
from export.ranges import Ranges
from export.source import add_source_options, crowd_majority, fold_confidence, open_source, truth
from export.template import measure_template
from train import run
from train.candidates import predict_tflite
from train.dataset import Split, load_split
from train.evaluate import Evaluation, evaluate
from train.model import multiply_adds


def export(arguments: argparse.Namespace) -> None:
    """From a run to a bundle in place.

    Raises:
        UserError: the run or the data is missing or does not belong together, or a variant fails its proof.
    """
    check_target(arguments.output)
    source = open_source(arguments)
    config, progress, network = source.config, source.progress, source.network
    if progress.epochs < config.epochs and not arguments.unfinished:
        raise UserError(
            f"{arguments.run} is unfinished, {progress.epochs} epochs are done",
            "go on by 'make train', or add ARGS=--unfinished",
        )
    size, best = network.input_shape[1], progress.best(source.labels)
    test = load_split(arguments.data, arguments.split, size, 3)
    crowd, right = crowd_majority(arguments.data, test), truth(source.labels, arguments.data, test)
    calibration = representative_faces(source.training, arguments.samples, arguments.seed)
    _check_unseen(calibration, test, arguments.split)
    template = _template(arguments, source.training)

    temperature, strength = fold_confidence(source, arguments.data, arguments.balance)
    quantization = Quantization(
        equalize=arguments.equalize,
        ranges=arguments.ranges,
        fine_logits=arguments.fine_logits,
        correct_biases=arguments.correct_biases,
        error_feedback=arguments.error_feedback,
        in_float=tuple(arguments.in_float),
    )
    models = {variant: with_metadata(m) for variant, m in convert(network, calibration, quantization).items()}
    variants = _measure(models, test, crowd, right, _why(arguments))
    models = {variant: models[variant] for variant in variants}
    manifest = {
        **manifest_head(arguments.name, size, config.stages[config.stage_at(best)].resolution),
        "labels": source.labels,
        "mirror": arguments.mirror,
        "multiply_adds": multiply_adds(network, views=2 if arguments.mirror else 1),
        "face_template": template,
        "temperature": round(temperature, 4),
        "balance": strength,
        "split": arguments.split,
        "variants": variants,
        "calibration": {"split": "train", "images": len(calibration), "seed": arguments.seed},
        "quantization": asdict(quantization),
        "edge_tpu_obstacles": edge_tpu_obstacles(models["int8"]),
        "training": _training(source.description, progress, best),
        "data": _origin(arguments.data, source.training)
        | source.description["data"]
        | {arguments.split: test.fingerprint},
        "tools": tool_versions(),
    }
    measured = _measure_for_card(models, manifest, test, crowd)
    write_bundle(arguments.output, models, manifest, model_card(manifest, measured), draw_figures(measured))
    print(_report(arguments.output, manifest))


def _check_unseen(calibration: np.ndarray, test: Split, name: str) -> None:
    """Ranges that were taken from the very faces which are measured would flatter int8."""
    known = {face.tobytes() for face in calibration}
    if both := [file for file, face in zip(test.files, test.images, strict=True) if face.tobytes() in known]:
        raise UserError(
            f"{len(both)} calibration images are in the split {name} as well, the first as {both[0]}",
            "import the data by 'make data', which leaves doubles out",
        )


def _measure(
    models: dict[str, bytes], test: Split, crowd: np.ndarray | None, right: np.ndarray, explain: str
) -> dict[str, Any]:
    """The manifest's entry of each variant; one that is not float32's equal is left out where it may be, or refused."""
    answers = {variant: predict_tflite(content, test.images) for variant, content in models.items()}
    entries = {}
    for variant, content in models.items():
        parity = compare(answers["float32"], answers[variant], right)
        if variant in OPTIONAL and (faults := parity.faults()):
            print(f"{variant} is left out: it {'; it '.join(faults)}", file=sys.stderr)
            continue
        require_parity(variant, parity, explain)
        evaluation = evaluate(answers[variant], test, crowd)
        entries[variant] = describe_file(content) | _brief(evaluation) | {"parity": parity.as_dict()}
    return entries


def _why(arguments: argparse.Namespace) -> str:
    """The command that looks into the same network."""
    own = ["--labels", arguments.labels] if arguments.labels else []
    own += ["--mirror"] if arguments.mirror else []
    words = [f"RUN={arguments.run}", f"DATA={arguments.data}", *([f"ARGS={' '.join(own)}"] if own else [])]
    return f"make debug {shlex.join(words)}"


def _measure_for_card(
    models: dict[str, bytes], manifest: dict[str, Any], test: Split, crowd: np.ndarray | None
) -> dict[str, Measured]:
    """What the card tells of the reference and of the variant that boards run."""
    truths = {"folder": test.classes} | ({} if crowd is None else {"crowd": crowd})
    landmarks = np.array(manifest["face_template"]["landmarks"])
    return {
        variant: measure(partial(predict_tflite, models[variant]), test.images, truths, manifest["labels"], landmarks)
        for variant in ("float32", "int8")
    }


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


def _training(description: dict[str, Any], progress: run.Progress, best: int) -> dict[str, Any]:
    return {
        "config": description["config"],
        "weights": description["weights"],
        "teachers": description["teachers"],
        "epochs": progress.epochs,
        "best_epoch": best + 1,
        "best": {name: round(value, 5) for name, value in progress.history[best].items()},
    }


def _origin(data: Path, training: Split) -> dict[str, str]:
    """What the data set was imported from, where its import says so, and what it is, where its files' names do."""
    record = data / "import.json"
    origin = {"source": json.loads(record.read_text())["source"]} if record.is_file() else {}
    known = all(Path(file).name.startswith("Training_") for file in training.files)
    return origin | ({"dataset": FER_2013} if known else {})


def _report(folder: Path, manifest: dict[str, Any]) -> str:
    lines = [
        f"{'variant':<10}{'MB':>7}{'folder':>9}{'FER+':>9}{'agrees':>9}"
        f"{'accuracy':>10}{'macro-F1':>10}{'recall':>9}{'mean':>8}{'largest':>9}",
        f"{'':<44}{'points lost against float32':>29}{'difference':>17}",
    ]
    for name, v in manifest["variants"].items():
        crowd = f"{v['crowd']['accuracy']:.2%}" if v["crowd"] else "–"
        parity = v["parity"]
        points = [100 * loss for loss in (parity["accuracy_loss"], parity["macro_f1_loss"], max(parity["recall_loss"]))]
        lines.append(
            f"{name:<10}{v['bytes'] / 1e6:>7.2f}{v['folder']['accuracy']:>9.2%}{crowd:>9}{parity['agreement']:>9.2%}"
            f"{points[0]:>10.2f}{points[1]:>10.2f}{points[2]:>9.2f}"
            f"{parity['mean_difference']:>8.3f}{parity['largest_difference']:>9.3f}"
        )
    obstacles = manifest["edge_tpu_obstacles"]
    return "\n".join(
        [
            *lines,
            f"temperature {manifest['temperature']}, balance {manifest['balance']}",
            f"Edge TPU: {'; '.join(obstacles) if obstacles else 'takes every operation of int8'}",
            f"written to {folder}",
        ]
    )


def main() -> int:
    """Entry point; returns the exit status."""
    if sys.argv[1:2] == ["debug"]:
        return debug.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m export", description="Turn a training run into a bundle.")
    add_source_options(parser)
    parser.add_argument("--output", type=Path, help="the bundle's folder; default: models/ and the run's name")
    parser.add_argument("--name", help="the bundle's name; default: its folder's")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="measured on; default: %(default)s")
    parser.add_argument(
        "--no-equalize", dest="equalize", action="store_false", help="leave channels' ranges as they are"
    )
    parser.add_argument(
        "--no-fine-logits", dest="fine_logits", action="store_false", help="leave the logits' range as it is"
    )
    parser.add_argument("--no-bias-correction", dest="correct_biases", action="store_false", help="leave biases alone")
    parser.add_argument("--no-error-feedback", dest="error_feedback", action="store_false", help="round to the nearest")
    parser.add_argument(
        "--ranges", choices=get_args(Ranges), default="extremes", help="how tensors get theirs; default: %(default)s"
    )
    parser.add_argument(
        "--in-float", nargs="+", metavar="LAYER", default=[], help="leave these in float, as 'export debug' names them"
    )
    parser.add_argument("--template", type=Path, metavar="BUNDLE", help="take the face template from another bundle")
    parser.add_argument("--unfinished", action="store_true", help="export a run before its last epoch")
    arguments = parser.parse_args()
    quiet_libraries()
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow warns of its own converter's ways
    arguments.output = arguments.output or Path("models") / arguments.run.resolve().name
    arguments.name = arguments.name or arguments.output.resolve().name
    export(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
