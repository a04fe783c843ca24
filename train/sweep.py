"""Trains presets with several seeds, some at a time, and prints a table of what came out.

    python -m train.sweep --configs edge quick --seeds 1 2 3 --jobs 2 --data data/fer2013 --runs runs/sweep

Each run is a process of its own, and resumed if it was stopped; finished ones are only read.
"""

import argparse
import logging
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

from edge.app.arguments import whole_number
from edge.base.errors import UserError, exit_on_user_error
from edge.base.files import write_whole
from edge.base.text_table import Column, Row, draw
from train.config import load_config
from train.run import load_progress, load_run_config

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """One run of a sweep."""

    config: str
    seed: int
    folder: Path


def members(configs: Sequence[str], seeds: Sequence[int], runs: Path) -> list[Member]:
    """Return the runs of a sweep, by configuration.

    Raises:
        UserError: a configuration is missing or wrong.
    """
    for config in configs:
        load_config(config)
    return [
        Member(config, seed, runs / f"{Path(config).stem}-{seed}")
        for config, seed in product(configs, dict.fromkeys(seeds))
    ]


def train_all(sweep: Sequence[Member], options: Sequence[str], jobs: int) -> list[Member]:
    """Train the runs, at most `jobs` at a time; return those that failed. Each has a `train.log` in its folder."""

    def train(member: Member) -> int:
        command = [sys.executable, "-m", "train.fit", "--config", member.config, "--seed", str(member.seed)]
        member.folder.mkdir(parents=True, exist_ok=True)
        log.info("%s: training, see %s", member.folder, member.folder / "train.log")
        with (member.folder / "train.log").open("a") as output:
            return subprocess.run(
                [*command, "--run", str(member.folder), *options], stdout=output, stderr=subprocess.STDOUT
            ).returncode

    with ThreadPoolExecutor(jobs) as pool:
        statuses = list(pool.map(train, sweep))
    return [member for member, status in zip(sweep, statuses, strict=True) if status]


def rows(sweep: Sequence[Member]) -> list[Row]:
    """Return a row for each configuration and label set: best validation accuracy, mean and spread over the seeds."""
    found: list[Row] = []
    for config, of_config in groupby(sweep, lambda member: member.config):
        runs = [member.folder for member in of_config]
        for label_set in load_run_config(runs[0]).labels:
            best = [_best(folder, label_set) for folder in runs]
            spread = statistics.stdev(best) if len(best) > 1 else None
            found.append(
                {"config": config, "labels": label_set, "seeds": len(best), "mean": statistics.fmean(best)}
                | {"spread": spread, "lowest": min(best), "highest": max(best)}
            )
    return found


COLUMNS = (
    Column("configuration", "config"),
    Column("label set", "labels"),
    Column("seeds", "seeds"),
    Column("validation accuracy", "mean", ".2%"),
    Column("standard deviation", "spread", ".2%"),
    Column("lowest", "lowest", ".2%"),
    Column("highest", "highest", ".2%"),
)


def _best(folder: Path, label_set: str) -> float:
    progress = load_progress(folder)
    return progress.history[progress.best(label_set)][f"val_{label_set}_accuracy"]


def main() -> int:
    """Run a sweep from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.sweep", description=__doc__.split("\n")[0])
    parser.add_argument("--configs", nargs="+", default=["edge"], help="presets or TOML files; default: edge")
    parser.add_argument("--seeds", nargs="+", type=whole_number(0), default=[1, 2, 3], help="default: 1 2 3")
    parser.add_argument("--jobs", type=whole_number(1), default=1, help="runs at a time; default: %(default)s")
    parser.add_argument("--runs", type=Path, default=Path("runs/sweep"), help="their folder; default: %(default)s")
    arguments, options = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sweep = members(arguments.configs, arguments.seeds, arguments.runs)
    if failed := train_all(sweep, options, arguments.jobs):
        names = ", ".join(str(member.folder) for member in failed)
        raise UserError(f"{len(failed)} of {len(sweep)} runs failed: {names}", "see train.log there, and start again")
    table = draw(COLUMNS, rows(sweep), markdown=True)
    write_whole(arguments.runs / "sweep.md", table + "\n")
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
