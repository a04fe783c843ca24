"""Other packages, for which a small program stands in: nothing is downloaded here."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure.accuracy import EvaluationData
from benchmarks.peers.accuracy import measure_peer_accuracy
from benchmarks.peers.clip import measure_peers
from benchmarks.peers.environment import bytes_in, locked_version, prepare, python_of
from benchmarks.peers.footprint import measure_footprint
from benchmarks.peers.lineup import PACKAGES, Lineup, Participant, line_up
from benchmarks.peers.model import measure_models
from edge.base.assets import YUNET, fetch
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.model.bundle import load_bundle, model_file
from tests.benchmarks.conftest import SIZE
from train.dataset import Split


@pytest.fixture
def ours(bundle):
    return load_bundle(bundle, "int8")


@pytest.fixture
def environment(tmp_path):
    """One whose Python is the one of these tests."""
    program = python_of(tmp_path / "environment")
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o755)
    return tmp_path / "environment"


@pytest.fixture
def lineup(ours, environment):
    """`lineup(fault, …)`: our own, a stand-in that works, and one with each of the faults, by the fault's name."""

    def make(*faults):
        module = "tests.benchmarks.peers.stand_in"
        works = Participant("works", "1", python_of(environment), module, (), "import json")
        faulty = (replace(works, name=fault, options=(fault,), start="import rotten") for fault in faults)
        return Lineup((*line_up(ours, []).participants, works, *faulty))

    return make


def names(partial):
    return [row.name for row in partial.rows]


def test_an_environment_that_cannot_be_made_costs_its_own_package_alone(ours, monkeypatch):
    def prepare(name, lock):
        assert lock.is_file()
        if name == "fer":
            raise UserError("no network", "wait")
        return Path("environments") / name

    monkeypatch.setattr("benchmarks.peers.lineup.prepare", prepare)
    found = line_up(ours)
    assert [(c.name, c.version) for c in found.participants] == [
        ("emotion-edge", "int8"),
        ("facex", "1.1.0"),
        ("mediapipe", "1.2.2"),
    ]
    assert found.gaps == {"fer": "no network: wait", "fer hdf5": "no network: wait"}
    native = found.participants[-1]
    assert native.options == (str(ours.folder / model_file("int8")),)
    assert native not in found.that_find_faces().participants


def test_every_package_has_a_lock_and_a_program():
    for package in PACKAGES:
        assert locked_version(package.package, package.lock)
        assert (Path("benchmarks/peers") / f"with_{package.package}.py").resolve().is_file()
    with pytest.raises(LookupError, match=r"no tensorflo$"):
        locked_version("tensorflo", PACKAGES[0].lock)


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
    a, b = (Participant(name, "1", Path("python"), "m", (), "") for name in ("a", "b"))
    turns = []

    def run(participant, cores):
        turns.append((participant.name, cores))
        if participant is b and turns.count(("b", 2)) == 2:
            raise RuntimeError("it ended with status 1:\nTraceback\nValueError: rotten\n")
        return len(turns)

    results, gaps = Lineup((a, b), {"c": "no network"}).interleaved("test", run, (1, 2), 3)
    assert gaps == {"b": "ValueError: rotten", "c": "no network"}
    assert {(case[0].name, case[1]): len(found) for case, found in results.items()} == {("a", 1): 3, ("a", 2): 3}
    assert turns.count(("b", 2)) == 2


def test_our_own_failure_is_not_passed_over(ours):
    def run(participant, cores):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        line_up(ours, []).interleaved("test", run, (1,), 1)


def test_a_clip_is_answered_beside_the_edge(lineup, ours, clip):
    try:
        fetch(YUNET)
    except UserError as error:
        pytest.skip(error.problem)
    found = measure_peers(lineup("broken", "silent"), ours, clip, (1,), 1)
    assert names(found) == ["emotion-edge", "works"]
    assert [row.with_faces for row in found.rows] == [0, 1]
    assert all(row.fps.p50 > 0 and row.peak == row.peaks.maximum > 1e6 for row in found.rows)
    assert found.gaps["broken"] == "ModuleNotFoundError: No module named 'rotten'"
    assert "No such file" in found.gaps["silent"]


def test_models_alone_are_timed(lineup):
    found = measure_models(lineup("broken"), SIZE, 1, 2)
    assert names(found) == ["emotion-edge", "works"]
    assert all(row.ms.n >= 10 and row.round_ms.n == 2 and row.ms.p50 > 0 for row in found.rows)
    assert list(found.gaps) == ["broken"]


def test_environments_are_weighed_and_imports_timed(lineup, ours, environment, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setattr("benchmarks.peers.footprint.prepare", lambda name, lock: own)
    found = measure_footprint(lineup("broken"), ours, 1, 2)
    assert names(found) == ["emotion-edge", "works"]
    assert found.rows[0].size > len(ours.model)
    assert found.rows[1].size == bytes_in(environment) == python_of(environment).stat().st_size
    assert all(row.start.n == 2 for row in found.rows)
    assert found.gaps == {"broken": "ModuleNotFoundError: No module named 'rotten'"}


def test_bytes_are_counted_once_and_links_not_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "five").write_bytes(b"12345")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "five")
    assert bytes_in(tmp_path) == 5


@pytest.mark.parametrize("votes", [True, False], ids=["with votes", "without"])
def test_answers_are_scored_as_our_own_are(lineup, votes):
    """The stand-in knows all classes; the tiny model calls every face neutral, which one in seven is."""
    classes = np.arange(len(EMOTIONS))
    images = np.broadcast_to(classes.astype(np.uint8)[:, None, None, None], (len(EMOTIONS), SIZE, SIZE, 3))
    split = Split(tuple(map(str, classes)), np.ascontiguousarray(images), classes, "")
    crowd = np.array([-1, -1, -1, -1, 4, 0, 6]) if votes else None
    found = measure_peer_accuracy(lineup("no number", "too few"), EvaluationData("val", split, crowd), 1)
    ours, works = found.rows
    assert (ours.accuracy, works.accuracy) == (pytest.approx(1 / 7), 1)
    assert works.paired_difference.estimate == pytest.approx(-6 / 7)
    assert (
        works.paired_difference.low
        <= works.paired_difference.estimate
        <= works.paired_difference.high
        < 0
        == ours.paired_difference.high
    )
    assert works.images == 7
    assert works.ferplus_images == (3 if votes else None)
    assert works.ferplus_accuracy == (pytest.approx(2 / 3) if votes else None)
    on_majority = works.ferplus_paired_difference
    assert (on_majority.estimate if votes else on_majority) == (pytest.approx(-1 / 3) if votes else None)
    assert set(found.gaps) == {"no number", "too few"}
    assert found.gaps["too few"] == "its answers are no probabilities [7, 7]"
