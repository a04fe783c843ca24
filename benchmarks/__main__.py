"""Compares the variants of a bundle on this machine.

    python -m benchmarks
    python -m benchmarks --model models/default --data data/fer2013 --clip street.mp4

Latency, throughput, memory and the whole pipeline, and with a data set the accuracy; all variants in turns. Tables go
to the screen, figures as JSON and plots into a folder.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy import load_examination
from benchmarks.contenders import open_contenders
from benchmarks.pipeline import check_clip
from benchmarks.report import report
from benchmarks.results import Results
from benchmarks.suite import measure
from edge.bundle import DEFAULT_BUNDLE
from edge.cli import whole_number
from edge.demo import write_demo_clip
from edge.errors import UserError, exit_on_user_error
from edge.files import write_whole

ROUNDS = 5
"""Enough to see whether the rounds agree; a board takes some minutes for them."""


def benchmark(arguments: argparse.Namespace) -> int:
    """Measure, show and keep the results. What is missing is said before anything is measured."""
    if arguments.output.exists() and not arguments.output.is_dir():
        raise UserError(f"{arguments.output}: not a folder", "name a folder by --output")
    contenders = open_contenders(arguments.model)
    examination = None
    if arguments.data:
        examination = load_examination(arguments.data, arguments.split, contenders.input_size)
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(folder) / "demo.mp4"
        if not arguments.clip:
            write_demo_clip(clip)
        check_clip(clip)
        results = measure(contenders, examination, clip, arguments.rounds)
    print(report(results))
    keep(results, arguments.output)
    return 0


def keep(results: Results, folder: Path) -> None:
    """Write the JSON and, where matplotlib is installed, the plots."""
    path = folder / results.file_name()
    write_whole(path, json.dumps(results.record(), indent=2) + "\n")
    print(f"\nwritten to {path}")
    try:
        from benchmarks.plots import draw_latency, draw_pipeline
    except ImportError:
        print("no plots: run \"pip install 'emotion-edge[bench]'\" for them")
        return
    draw_latency(folder / "latency.png", results)
    draw_pipeline(folder / "pipeline.png", results)
    print(f"plots: {folder / 'latency.png'}, {folder / 'pipeline.png'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    return exit_on_user_error(lambda: benchmark(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare the variants of a bundle on this machine."
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="folder of the bundle")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="data set to measure the accuracy on")
    # Not train: the models have seen it.
    parser.add_argument(
        "--split", choices=("val", "test"), default="test", help="of the data set; default: %(default)s"
    )
    parser.add_argument("--clip", type=Path, metavar="FILE", help="video for the pipeline; default: the demo's")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="default: %(default)s")
    parser.add_argument("--rounds", type=whole_number(1), default=ROUNDS, metavar="N", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
