"""Other packages, for which a small program stands in: nothing is downloaded here."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure.accuracy import EvaluationData
from benchmarks.peers import lineup as peers
from benchmarks.peers import measure
from benchmarks.peers.environment import bytes_in, locked_version, prepare, python_of
from benchmarks.peers.lineup import PEERS, Lineup, Participant, line_up
from edge.base.assets import YUNET, fetch
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.model.bundle import model_file
from tests.benchmarks.conftest import SIZE
from train.dataset import Split


class StandIn(Participant):
    module = "tests.benchmarks.peers.stand_in"


@pytest.fixture
def environment(tmp_path):
    """One whose Python is the one of these tests."""
    program = python_of(tmp_path / "environment")
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o755)
    return tmp_path / "environment"


@pytest.fixture
def take_part(environment, monkeypatch):
    """`take_part(fault, …)`: our own, a stand-in that works, and one with each of the faults, by the fault's name."""

    def make(*faults):
        works = StandIn("works", "works", "import json", version="1", python=python_of(environment))
        faulty = (replace(works, name=fault, options=(fault,), start="import rotten") for fault in faults)
        monkeypatch.setattr(peers, "PEERS", ())
        monkeypatch.setattr(measure, "line_up", lambda plan: Lineup((*line_up(plan).participants, works, *faulty), {}))

    return make


def names(partial):
    return [row["name"] for row in partial.rows]


def test_an_environment_that_cannot_be_made_costs_its_own_package_alone(plan, monkeypatch):
    def prepare(name, lock):
        assert lock.is_file()
        if name == "fer":
            raise UserError("no network", "wait")
        return Path("environments") / name

    monkeypatch.setattr(peers, "prepare", prepare)
    found = line_up(plan)
    assert [(one.name, one.version) for one in found.participants] == [
        ("emotion-edge", "int8"),
        ("facex", "1.1.0"),
        ("mediapipe", "1.2.2"),
    ]
    assert found.gaps == {"fer": "no network: wait", "fer hdf5": "no network: wait"}
    native = found.participants[-1]
    assert native.options == (str(plan.shipping.folder / model_file("int8")),)
    assert native not in found.that_find_faces().participants


def test_every_package_has_a_lock_and_a_program():
    for peer in PEERS:
        assert locked_version(peer.package, peer.lock)
        assert Path(peer.module.replace(".", "/") + ".py").resolve().is_file()
    with pytest.raises(LookupError, match=r"no tensorflo$"):
        locked_version("tensorflo", PEERS[0].lock)


@pytest.mark.slow
def test_an_environment_is_made_once_and_again_when_its_lock_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.peers.environment.PLACE", tmp_path / "place")
    lock = tmp_path / "lock.txt"
    lock.write_text("# nothing\n")
    folder = prepare("empty", lock)
    assert python_of(folder).exists()
    (folder / "mark").touch()
    assert prepare("empty", lock) == folder
    assert (folder / "mark").exists()
    lock.write_text("./no-such-package\n")
    monkeypatch.setattr("benchmarks.peers.environment.venv.create", lambda *_, **__: None)  # it takes long
    with pytest.raises(UserError, match="the environment of empty could not be made"):
        prepare("empty", lock)


def test_what_fails_in_the_middle_is_left_out_from_there_on():
    a, b = (Participant(name, name, "") for name in ("a", "b"))
    turns = []

    def run(participant, cores):
        turns.append((participant.name, cores))
        if participant is b and turns.count(("b", 2)) == 2:
            raise RuntimeError("it ended with status 1:\nTraceback\nValueError: rotten\n")
        return len(turns)

    found = Lineup((a, b), {"c": "no network"}).measure(
        "test", run, lambda one, n, results: one.row(cores=n, runs=len(results)), (1, 2), 3
    )
    assert found.gaps == {"b": "ValueError: rotten", "c": "no network"}
    assert [(row["name"], row["cores"], row["runs"]) for row in found.rows] == [("a", 1, 3), ("a", 2, 3)]
    assert turns.count(("b", 2)) == 2


def test_our_own_failure_is_not_passed_over(plan, monkeypatch):
    def run(participant, cores):
        raise ValueError("a bug")

    monkeypatch.setattr(peers, "PEERS", ())
    with pytest.raises(ValueError, match="a bug"):
        line_up(plan).measure("test", run, lambda one, n, results: {}, (1,), 1)


def test_a_clip_is_answered_beside_the_edge(take_part, plan):
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)
    take_part("broken", "silent")
    found = measure.measure_clip(plan)
    assert names(found) == ["emotion-edge", "works"] * len(plan.cores)
    assert {(row["name"], row["with_faces"]) for row in found.rows} == {("emotion-edge", 0), ("works", 1)}
    assert all(row["fps"]["p50"] > 0 and row["peak"] == row["peaks"]["maximum"] > 1e6 for row in found.rows)
    assert found.gaps["broken"] == "ModuleNotFoundError: No module named 'rotten'"
    assert "No such file" in found.gaps["silent"]


def test_models_alone_are_timed(take_part, plan):
    take_part("broken")
    found = measure.measure_models(plan)
    assert names(found) == ["emotion-edge", "works"]
    assert all(row["ms"]["n"] >= 5 and row["round_ms"]["n"] == 1 and row["ms"]["p50"] > 0 for row in found.rows)
    assert list(found.gaps) == ["broken"]


def test_environments_are_weighed_and_imports_timed(take_part, plan, environment, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(measure, "prepare", lambda name, lock: tmp_path / "own")
    take_part("broken")
    found = measure.measure_footprint(plan)
    assert names(found) == ["emotion-edge", "works"]
    assert found.rows[0]["size"] > len(plan.shipping.model)
    assert found.rows[1]["size"] == bytes_in(environment) == python_of(environment).stat().st_size
    assert all(row["start"]["n"] == 1 for row in found.rows)
    assert found.gaps == {"broken": "ModuleNotFoundError: No module named 'rotten'"}


def test_bytes_are_counted_once_and_links_not_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "five").write_bytes(b"12345")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "five")
    assert bytes_in(tmp_path) == 5


@pytest.mark.parametrize("votes", [True, False], ids=["with votes", "without"])
def test_answers_are_scored_as_our_own_are(take_part, plan, votes, monkeypatch):
    """The stand-in knows all classes; the tiny model calls every face neutral, which one in seven is."""
    classes = np.arange(len(EMOTIONS))
    images = np.broadcast_to(classes.astype(np.uint8)[:, None, None, None], (len(EMOTIONS), SIZE, SIZE, 3))
    split = Split(tuple(map(str, classes)), np.ascontiguousarray(images), classes, "")
    majority = np.array([-1, -1, -1, -1, 4, 0, 6]) if votes else None
    monkeypatch.setattr(measure, "evaluation_data", lambda plan: EvaluationData(split, majority))
    take_part("no number", "too few")
    found = measure.measure_accuracy(plan)
    ours, works = found.rows
    assert (ours["accuracy"], works["accuracy"]) == (pytest.approx(1 / 7), 1)
    difference = works["difference"]
    assert difference["estimate"] == pytest.approx(-6 / 7)
    assert difference["low"] <= difference["estimate"] <= difference["high"] < 0 == ours["difference"]["high"]
    assert works["images"] == 7
    assert works["ferplus_images"] == (3 if votes else None)
    assert works["ferplus_accuracy"] == (pytest.approx(2 / 3) if votes else None)
    on_majority = works["ferplus_difference"]
    assert (on_majority["estimate"] if votes else on_majority) == (pytest.approx(-1 / 3) if votes else None)
    assert set(found.gaps) == {"no number", "too few"}
    assert found.gaps["too few"] == "its answers are not probabilities [7, 7]"
