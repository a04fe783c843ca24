"""Comparison of the variants of a bundle, and of other packages, on this machine: see docs/benchmarks.md.

All measurements are interleaved. Tables go to the screen, figures as JSON and plots into a folder.
"""

import logging
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from benchmarks.base.plan import Plan, open_variants
from benchmarks.base.record import Record, file_name, read_record
from benchmarks.measure.emulated import BOARD_INSTRUCTIONS
from benchmarks.measure.throughput import check_clip
from benchmarks.report.boards import board_records, boards_text
from benchmarks.report.compare import changed_graphs, changes_text, compare, missing
from benchmarks.report.document import BOARDS_BEGIN, fill_page, reports, split_page, write_page
from benchmarks.suite import FAILED, MEASUREMENTS, measure
from edge.app.arguments import whole_number
from edge.app.demo import write_demo_clip
from edge.base.errors import UserError, exit_on_user_error
from edge.base.settings import DEFAULT_BUNDLE

ROUNDS = 5
"""Default number of rounds: enough to see whether they agree, within minutes on a board."""

ALL, ALL_PEERS = "all", "peers"
USUAL = [name for name, measurement in MEASUREMENTS.items() if measurement.usual]


def benchmark(arguments: Namespace) -> int:
    """Check the inputs, measure, show and save the results; return 1 if a measurement failed because of a bug."""
    if arguments.output.exists() and not arguments.output.is_dir():
        raise UserError(f"{arguments.output}: not a folder", "name a folder by --output")
    if arguments.data and not (arguments.data / arguments.split).is_dir():
        raise UserError(f"{arguments.data}: no such split: {arguments.split}", "name a data set by --data")
    if arguments.page:
        split_page(arguments.page)
    variants = open_variants(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(folder) / "demo.mp4"
        if not arguments.clip:
            write_demo_clip(clip)
        check_clip(clip)
        plan = Plan(variants, clip, arguments.rounds, arguments.data, arguments.split)
        record = measure(plan, _names(arguments), arguments.output)
    _show([record], [arguments.output / file_name(record)], arguments)
    return int(any(reason.startswith(FAILED) for reason in record["missing"].values()))


def report_again(arguments: Namespace) -> int:
    """Show the records of earlier runs side by side, of several machines or bundles."""
    if arguments.page:
        split_page(arguments.page)
    _show([read_record(path) for path in arguments.records], arguments.records, arguments)
    return 0


def compare_two(arguments: Namespace) -> int:
    """Show changes; return 1 if a figure is worse by more than the tolerance, or a model has other operators."""
    before, after = read_record(arguments.before), read_record(arguments.after)
    changes, graphs = compare(before, after), changed_graphs(before, after)
    if not changes:
        raise UserError("the two records have no figure in common", "measure the same in both")
    print(changes_text(changes))
    for what in missing(before, after):
        print(f"not compared, for {arguments.after} does not have it: {what}")
    for graph in graphs:
        print(f"**other operators** in {graph}")
    return int(bool(graphs) or any(change.is_worse for change in changes))


def show_boards(arguments: Namespace) -> int:
    """Show the table of boards."""
    text = boards_text(open_variants(arguments.model), board_records())
    print(text)
    if arguments.page:
        fill_page(arguments.page, text, BOARDS_BEGIN)
    return 0


def _names(arguments: Namespace) -> Sequence[str]:
    if not arguments.what:
        return [name for name in USUAL if name != "accuracy" or arguments.data]
    asked = set(arguments.what)
    if ALL in asked:  # but the emulator, which takes hours and root, only by name
        asked |= set(MEASUREMENTS) - {BOARD_INSTRUCTIONS.name}
    if ALL_PEERS in asked:  # stands for all measurements of other packages
        asked |= {name for name in MEASUREMENTS if name.startswith(ALL_PEERS)}
    return list(asked)


def _show(records: Sequence[Record], paths: Sequence[Path], arguments: Namespace) -> None:
    """Print tables and write them to the page; with matplotlib, save plots beside the record or the page."""
    print(reports(records, {}))
    print(f"\nrecords: {', '.join(map(str, paths))}")
    beside = arguments.page or arguments.output / file_name(records[-1])
    try:
        from benchmarks.report.charts import draw
    except ImportError:
        print("no plots: run \"pip install 'emotion-edge[bench]'\" for them")
        pictures = {}
    else:
        pictures = draw(records, beside.with_suffix(""))
        print(f"plots: {', '.join(map(str, pictures.values())) or 'none'}")
    if arguments.page:
        write_page(arguments.page, records, pictures)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words[:1] and words[0] in BENCHMARK_COMMANDS else ""
    command, description = BENCHMARK_COMMANDS[name]
    parser = ArgumentParser(prog=f"python -m benchmarks {name}".strip(), description=description)
    _add_arguments(parser, name)
    arguments = parser.parse_args(words)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    return exit_on_user_error(lambda: command(arguments))


BENCHMARK_COMMANDS = {
    "": (
        benchmark,
        "Compare the variants of a bundle, and other packages, on this machine. 'report RECORD…' shows an earlier run "
        "again, 'compare BEFORE AFTER' the changes between two runs, 'boards' the table of boards.",
    ),
    "report": (report_again, "Show an earlier run again."),
    "compare": (compare_two, "Show changes between two runs; 1 where a figure got worse or operators are others."),
    "boards": (show_boards, "Show measurements of boards, and estimates for others."),
}
"""Commands by their first word, with their descriptions."""


def _add_arguments(parser: ArgumentParser, command: str) -> None:
    """Add the arguments of a command."""
    add = parser.add_argument
    if command == "":
        names = f"{', '.join(MEASUREMENTS)}, or {ALL}; default: {', '.join(USUAL)}"
        add("what", nargs="*", metavar="WHAT", type=_measurement, help=names)
        add("--data", type=Path, metavar="ROOT", help="data set to measure the accuracy on")
        # Not train: the models were trained on it.
        add("--split", choices=("val", "test"), default="test", help="split of the data set; default: %(default)s")
        add("--clip", type=Path, metavar="FILE", help="video for the pipeline; default: the demo's")
        add("--rounds", type=whole_number(1), default=ROUNDS, metavar="N", help="default: %(default)s")
    if command == "report":
        add("records", nargs="+", type=Path, metavar="RECORD", help="record of an earlier run")
    if command == "compare":
        add("before", type=Path, metavar="BEFORE", help="record of a run")
        add("after", type=Path, metavar="AFTER", help="record of another run")
    if command in ("", "boards"):
        add("--model", type=Path, default=DEFAULT_BUNDLE, help="folder of the bundle")
    if command in ("", "report"):
        add("--output", type=Path, default=Path("benchmarks/results"), help="folder of the record and the plots")
    if command != "compare":
        add("--page", type=Path, metavar="FILE", help="Markdown page whose tables are replaced")


def _measurement(text: str) -> str:
    """Type for argparse, whose `choices` do not work with an optional positional argument."""
    if text not in MEASUREMENTS and text != ALL:
        raise ArgumentTypeError(f"{text} is none of {', '.join(MEASUREMENTS)}, {ALL}")
    return text


if __name__ == "__main__":
    sys.exit(main())
