"""Archives: `emotion-edge analyze` over many clips, by one process and several, by shards, and by Dask."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.base.harness import distributions, interleave
from benchmarks.base.measurement import CORES, Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import run_fresh
from edge.base.text_table import Column, Row, Rows
from edge.model.bundle import Bundle
from edge.sources import open_source

CLIPS = 40
"""Copies of the clip in the archive."""

SHARDS = 4
"""Commands that share the archive, one after the other."""

MACHINES, MACHINE_CORES, ARCHIVE_HOURS = 100, 2, 10_000
"""A cluster on paper, and hours of video for it."""

ALONE = "--jobs 1"
"""Case that the others are compared with."""

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Case:
    """A way to analyze the archive: the cores, and the options of each command."""

    cores: int
    commands: tuple[tuple[str, ...], ...]


CASES = {
    ALONE: Case(1, (("--jobs", "1"),)),
    "--jobs 2": Case(2, (("--jobs", "2"),)),
    f"{SHARDS} shards": Case(1, tuple(("--jobs", "1", "--shard", f"{i + 1}/{SHARDS}") for i in range(SHARDS))),
    "--cluster local:1": Case(1, (("--cluster", "local:1"),)),
    "--cluster local:2": Case(2, (("--cluster", "local:2"),)),
}
"""Cases by name."""


def measure_archive(plan: Plan) -> list[Row]:
    """Analyze the archive in every way, interleaved.

    A row has `seconds` of all commands from start to end, `peak`, the most bytes of RAM of one process, and the number
    and length of the clips. Processor time is not in it, since that of Dask's workers is not to be had.
    """
    with tempfile.TemporaryDirectory() as folder, closing(open_source(str(plan.clip))) as source:
        archive = Path(folder) / "archive"
        archive.mkdir()
        for number in range(CLIPS):
            shutil.copy(plan.clip, archive / f"{number}{plan.clip.suffix}")
        length = source.duration
        cases = [(name,) for name in CASES]
        results = interleave("archive", lambda name: _run_case(CASES[name], archive, plan.shipping), cases, plan.rounds)
    return [
        {
            "way": name,
            "cores": CASES[name].cores,
            **distributions(runs, "seconds"),
            "peak": max(run["peak"] for run in runs),
            "clips": CLIPS,
            "clip_seconds": length,
        }
        for (name,), runs in results.items()
    ]


def _run_case(case: Case, archive: Path, bundle: Bundle) -> dict[str, Any]:
    """Run the commands of a case one after the other; return their time together."""
    output = archive.with_name("reports")
    usages = [run_fresh(_command(archive, output, bundle, options), case.cores) for options in case.commands]
    done = len(list(output.glob("[0-9]*.json")))
    shutil.rmtree(output)
    if done != CLIPS:
        raise RuntimeError(f"{done} of {CLIPS} clips have a report")
    return {
        "seconds": sum(usage.seconds for usage in usages),
        "peak": max(usage.peak for usage in usages),
    }


def _command(archive: Path, output: Path, bundle: Bundle, options: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", "edge", "analyze", str(archive), "--output", str(output), *options]
    return [*command, "--model", str(bundle.folder.resolve()), "--variant", bundle.variant]


def _alone(rows: Rows) -> Row:
    return next(row for row in rows if row["way"] == ALONE)


def _core_seconds(row: Row, rows: Rows) -> float:
    """Return the seconds of a core that a clip takes, whether the core is busy or waits."""
    return float(row["cores"] * row["seconds"]["p50"] / row["clips"])


def _overhead(row: Row, rows: Rows) -> float:
    """Return the share by which a clip takes more of a core than in one command with one process."""
    return _core_seconds(row, rows) / _core_seconds(_alone(rows), rows) - 1


def _times(row: Row, rows: Rows) -> float:
    return float(_alone(rows)["seconds"]["p50"] / row["seconds"]["p50"])


def _speed(row: Row, rows: Rows) -> float:
    """Return the hours of video that a core analyzes in an hour."""
    return float(row["clip_seconds"]) / _core_seconds(row, rows)


def _on_paper(rows: Rows) -> list[str]:
    """Return the time that a large archive takes on a cluster, by the shards' speed."""
    (row,) = (row for row in rows if "shards" in row["way"])
    hours = ARCHIVE_HOURS / _speed(row, rows)
    return [
        f"At the speed of shards, {ARCHIVE_HOURS:,} hours of such video take {hours:,.0f} hours of a core: on "
        f"{MACHINES} machines with {MACHINE_CORES} such cores {hours / MACHINES / MACHINE_CORES:,.1f} hours."
    ]


ANALYZED_ARCHIVE = Measurement(
    "archive",
    measure_archive,
    f"**An archive** of {CLIPS} copies of the clip by `emotion-edge analyze`; overhead is what a clip takes more of a "
    f"core, busy or not, than by `{ALONE}`",
    (
        Column("command", "way"),
        CORES,
        Column("seconds", "seconds.p50", ".1f"),
        Column("times as fast", _times, ".2f"),
        Column("core seconds a clip", _core_seconds, ".2f"),
        Column("overhead", _overhead, "+.1%"),
        Column("hours of video an hour of a core", _speed, ".1f"),
        Column("peak MB of a process", "peak", ".0f", 1e-6),
    ),
    {"seconds": -1},
    more=_on_paper,
)
