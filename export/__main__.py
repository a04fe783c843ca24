"""Export a training run as a bundle: convert, quantize, evaluate and check for parity.

python -m export --run runs/edge --data data/fer2013 --output models/edge
"""

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from edge.base.errors import UserError, exit_on_user_error
from edge.base.machine import quiet_libraries
from edge.base.text_table import Column, draw
from export import debug
from export.convert import Quantization
from export.exporter import Settings, export
from export.onnx import check_installed
from export.ranges import Ranges
from export.source import TrainedRun, add_source_options, load_run


def report(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Format a table of the variants."""
    columns = (
        Column("variant", "name"),
        Column("MB", "bytes", ".2f", 1e-6),
        *(Column(n, f"scores.{n}.accuracy", ".2%") for n in manifest["variants"]["float32"]["scores"]),
        Column("agrees", "parity.agreement", ".2%"),
        Column("accuracy lost, points", "parity.accuracy_loss", ".2f", 100),
        Column("macro-F1 lost", "parity.macro_f1_loss", ".2f", 100),
        Column("recall lost", lambda row, rows: max(row["parity"]["recall_loss"]), ".2f", 100),
        Column("mean difference", "parity.mean_difference", ".3f"),
        Column("largest", "parity.largest_difference", ".3f"),
    )
    obstacles = manifest["edge_tpu_obstacles"]
    return "\n".join(
        [
            draw(columns, [{"name": name, **variant} for name, variant in manifest["variants"].items()]),
            f"temperature {manifest['temperature']}, logit adjustment {manifest['logit_adjustment']}",
            f"Edge TPU: {'; '.join(obstacles) if obstacles else 'every int8 operation is supported'}",
            f"written to {folder}",
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description="Export a training run as a bundle.")
    add_source_options(parser)
    parser.add_argument("--output", type=Path, help="folder of the bundle; default: models/ and the run's name")
    parser.add_argument("--name", help="name of the bundle; default: its folder's name")
    parser.add_argument(
        "--split", choices=("val", "test"), default="test", help="split to evaluate; default: %(default)s"
    )
    for option, text in (
        ("cross-layer-equalization", "do not equalize channel ranges"),
        ("fine-logits", "do not narrow the logits' range"),
        ("bias-correction", "do not correct biases"),
        ("weight-rounding", "round weights to the nearest step"),
    ):
        parser.add_argument(f"--no-{option}", dest=option.replace("-", "_"), action="store_false", help=text)
    parser.add_argument(
        "--ranges", choices=get_args(Ranges), default="minmax", help="ranges of the tensors; default: %(default)s"
    )
    parser.add_argument(
        "--in-float", nargs="+", metavar="LAYER", default=[], help="layers to keep in float, named as by 'export debug'"
    )
    parser.add_argument("--template", type=Path, metavar="BUNDLE", help="use the face template of another bundle")
    parser.add_argument("--onnx", action="store_true", help="also write ONNX and calibration faces to RUN/onnx")
    parser.add_argument("--allow-chance", action="store_true", help="export a model that is no better than chance")
    parser.add_argument("--unfinished", action="store_true", help="export a run before its last epoch")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    output = arguments.output or Path("models") / arguments.run.resolve().name
    return Settings(
        output=output,
        name=arguments.name or output.resolve().name,
        split=arguments.split,
        samples=arguments.samples,
        seed=arguments.seed,
        logit_adjustment=arguments.logit_adjustment,
        template=arguments.template,
        onnx=arguments.onnx,
        allow_chance=arguments.allow_chance,
        quantization=Quantization(
            cross_layer_equalization=arguments.cross_layer_equalization,
            ranges=arguments.ranges,
            fine_logits=arguments.fine_logits,
            bias_correction=arguments.bias_correction,
            weight_rounding=arguments.weight_rounding,
            in_float=tuple(arguments.in_float),
        ),
    )


def _check_finished(run: TrainedRun) -> None:
    if run.progress.epochs < run.config.epochs:
        raise UserError(
            f"{run.folder} is unfinished: {run.progress.epochs} of {run.config.epochs} epochs",
            "resume it by 'make train', or add ARGS=--unfinished",
        )


def main() -> int:
    """Export from the command line; return the exit status."""
    quiet_libraries()
    logging.getLogger("absl").setLevel(logging.ERROR)  # TensorFlow's converter logs warnings
    if sys.argv[1:2] == ["debug"]:
        return debug.main(sys.argv[2:])
    arguments = _parser().parse_args()
    settings = _settings(arguments)
    if settings.onnx:
        check_installed()
    run = load_run(arguments.run, arguments.data, arguments.labels, mirror=arguments.mirror)
    if not arguments.unfinished:
        _check_finished(run)
    manifest, left_out = export(run, settings)
    for sentence in left_out:
        print(sentence, file=sys.stderr)
    print(report(settings.output, manifest))
    if settings.onnx:
        print(f"and {run.folder / 'onnx'}: model.onnx, calibration.npy")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
