import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")

from edge.base.errors import UserError
from edge.base.text_table import draw
from tests.train.conftest import knobs_of_a_small_run
from train import run
from train.config import from_dict
from train.run import Progress
from train.sweep import COLUMNS, members, rows, train_all


def test_members_are_configurations_times_seeds():
    sweep = members(["edge", "quick"], [1, 2, 1], Path("runs"))
    assert [(m.config, m.seed, str(m.folder)) for m in sweep] == [
        ("edge", 1, "runs/edge-1"),
        ("edge", 2, "runs/edge-2"),
        ("quick", 1, "runs/quick-1"),
        ("quick", 2, "runs/quick-2"),
    ]
    with pytest.raises(UserError, match="egde: no such configuration"):
        members(["edge", "egde"], [1], Path("runs"))


def finish(folder, *accuracies):
    """Write a run of so many epochs."""
    config = from_dict(knobs_of_a_small_run())
    history = [
        {"loss": 1.0, "folder_accuracy": 0.5, "val_folder_loss": 1.0, "val_folder_accuracy": a, "seconds": 1.0}
        for a in accuracies
    ]
    run.open_run(folder, config, {}, "none")
    run.save_progress(folder, config, Progress(tuple(history)), [])


def test_the_table_has_mean_and_spread_of_the_best_epochs(tmp_path):
    finish(tmp_path / "edge-1", 0.5, 0.8, 0.7)
    finish(tmp_path / "edge-2", 0.6)
    (row,) = rows(members(["edge"], [1, 2], tmp_path))
    assert (row["labels"], row["seeds"], row["lowest"], row["highest"]) == ("folder", 2, 0.6, 0.8)
    assert row["mean"] == pytest.approx(0.7)
    assert row["spread"] == pytest.approx(0.2 / 2**0.5)
    assert re.search(r"edge .* folder .* 2 .* 70\.00% .* 14\.14%", draw(COLUMNS, [row], markdown=True))


def test_runs_are_processes_and_those_that_fail_are_returned(tmp_path, monkeypatch):
    started = []

    class Processes:
        STDOUT = subprocess.STDOUT

        @staticmethod
        def run(command, stdout, stderr):
            started.append(command)
            status = int("2" in command)
            return subprocess.run([sys.executable, "-c", f"print('seen'); raise SystemExit({status})"], stdout=stdout)

    monkeypatch.setattr("train.sweep.subprocess", Processes)
    sweep = members(["edge"], [1, 2], tmp_path)
    assert train_all(sweep, ["--data", "d"], 2) == [sweep[1]]
    assert {command[command.index("--seed") + 1] for command in started} == {"1", "2"}
    assert all(command[-2:] == ["--data", "d"] for command in started)
    assert (tmp_path / "edge-1/train.log").read_text() == "seen\n"
