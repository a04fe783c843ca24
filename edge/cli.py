"""The command line of the edge: `emotion-edge run | predict | demo | doctor`.

Nothing heavy is imported here: `doctor` must run where OpenCV does not.
"""

import argparse
import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.bundle import DEFAULT_BUNDLE, VARIANTS
from edge.errors import UserError, exit_on_user_error
from edge.options import DETECTORS, Options


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args(argv)
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(format="%(levelname)s %(message)s", level=level)
    try:
        return exit_on_user_error(lambda: _command(arguments))
    except BrokenPipeError:
        # The next program in the pipe has seen enough. Without this, Python complains when it flushes at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _command(arguments: argparse.Namespace) -> int:
    if arguments.command == "doctor":
        return _doctor(arguments.model)
    try:
        from edge import commands
        from edge.quiet import quiet_libraries
    except ImportError as error:
        if (error.name or "").startswith("edge"):
            raise  # ours: a bug
        raise UserError(f"a part of the edge cannot be imported ({error})", "see 'emotion-edge doctor'") from error
    quiet_libraries()
    command: Callable[[argparse.Namespace], int] = getattr(commands, arguments.command)
    return command(arguments)


def _doctor(model: Path) -> int:
    """Say what of the machine is ready; 2 when recognition cannot run."""
    from edge.doctor import examine, report

    findings = examine(model)
    print(report(findings))
    return 0 if all(f.ready for f in findings if f.needed) else 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emotion-edge", description="Facial expressions in real time.")
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(name: str, help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="folder of the model bundle")
        return sub

    sub = add("run", "recognize the faces of a camera, video, image or folder")
    sub.add_argument("source", nargs="?", default="0", help="camera number, /dev/video…, video, image or folder")
    sub.add_argument("--output", type=Path, metavar="FILE", help="write the annotated video (.mp4, .mkv or .avi)")
    sub.add_argument("--jsonl", type=Path, metavar="FILE", help="write the records, one a line; - for standard output")
    sub.add_argument("--events", type=Path, metavar="FILE", help="write who came, left and changed, one event a line")
    sub.add_argument("--summary", type=Path, metavar="FILE", help="write the summary as JSON")
    sub.add_argument("--no-window", dest="window", action="store_false", help="show no window")
    _add_recognition(sub, smoothing_ms=250)
    sub = add("predict", "print the record of each image")
    sub.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_recognition(sub, smoothing_ms=0)
    sub = add("demo", "run on a clip made from a public-domain portrait")
    sub.add_argument("--directory", type=Path, default=Path("demo"), help="where the clip and the results go")
    _add_recognition(sub, smoothing_ms=250)
    add("doctor", "say what of this machine is ready, and what to install for what is not")
    return parser


def _add_recognition(parser: argparse.ArgumentParser, smoothing_ms: float) -> None:
    defaults = Options()
    parser.add_argument("--variant", choices=VARIANTS, default=defaults.variant, help="which model of the bundle")
    parser.add_argument("--threads", type=whole_number(1), default=defaults.threads, help="threads of one inference")
    parser.add_argument("--detector", choices=DETECTORS, default=defaults.detector, help="haar: OpenCV 4 only")
    parser.add_argument(
        "--detector-side",
        type=whole_number(32),
        default=defaults.detector_side,
        metavar="PIXELS",
        help="longer side of the picture that is searched: more finds smaller faces and takes longer",
    )
    parser.add_argument(
        "--search-every-ms",
        type=_milliseconds,
        default=1000 * defaults.search_every,
        metavar="MS",
        help="time between two searches of the whole picture; known faces are followed in between; 0: every frame",
    )
    parser.add_argument(
        "--smoothing-ms", type=_milliseconds, default=smoothing_ms, metavar="MS", help="time constant of a label"
    )


def whole_number(least: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least}")
        return int(text)

    return parse


def _milliseconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a duration")
    return value


if __name__ == "__main__":
    sys.exit(main())
