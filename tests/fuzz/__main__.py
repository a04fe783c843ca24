"""Give damaged inputs to everything that reads untrusted data: `python -m tests.fuzz --help`."""

import argparse
import sys
import time
from pathlib import Path

from .harness import BUG, Report, Target, fuzz
from .live_page import LivePages, Questions
from .manifests import Manifests
from .models import Models
from .pictures import Pictures

TARGETS: dict[str, type[Target]] = {kind.name: kind for kind in (LivePages, Questions, Pictures, Manifests, Models)}

SECONDS = 60.0
"""Seconds for all targets where neither a time nor a number of inputs is given."""


def main() -> int:
    """Fuzz the targets that are named, or all; 1 where something was found."""
    arguments = _parser().parse_args()
    names = arguments.targets or list(TARGETS)
    if arguments.replay:
        return _replay(names, arguments.replay)
    reports = [_fuzzed(name, names, arguments) for name in names]
    return int(any(report.findings for report in reports))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    add = parser.add_argument
    add("targets", nargs="*", type=_target, metavar="TARGET", help=f"of {', '.join(TARGETS)}; by default all")
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--minutes", type=float, help="time for all targets together; 1 where --inputs is not given")
    limit.add_argument("--inputs", type=int, help="number of inputs for all targets together")
    add("--seed", type=int, default=0, help="makes other inputs")
    add("--first", type=int, default=0, help="number of the first input of each target")
    add("--keep", type=Path, metavar="DIR", help="keep the inputs that went wrong in this folder")
    add("--replay", type=Path, metavar="FILE", help="give one target the input that was kept in a file")
    return parser


def _target(name: str) -> str:
    if name not in TARGETS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(TARGETS)}")
    return name


def _fuzzed(name: str, names: list[str], arguments: argparse.Namespace) -> Report:
    kind = TARGETS[name]
    share = kind.share / sum(TARGETS[other].share for other in names)
    count = sys.maxsize if arguments.inputs is None else round(arguments.inputs * share)
    seconds = (arguments.minutes * 60 if arguments.minutes else SECONDS) * share
    until = float("inf") if arguments.inputs is not None else time.monotonic() + seconds
    with kind() as target:
        numbers = range(arguments.first, min(sys.maxsize, arguments.first + count))
        report = fuzz(target, arguments.seed, numbers, until, arguments.keep)
    print(report, flush=True)
    return report


def _replay(names: list[str], path: Path) -> int:
    with TARGETS[names[0]]() as target:
        outcome = target.give(path.read_bytes())
        problems = list(target.check())
    print(outcome, *problems, sep="\n")
    return int(outcome.kind == BUG or bool(problems))


if __name__ == "__main__":
    sys.exit(main())
