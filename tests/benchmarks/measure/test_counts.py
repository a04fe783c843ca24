"""Counts that are the same on every machine."""

import shutil

import pytest

from benchmarks.measure import counts
from benchmarks.measure.counts import frame_bytes, instructions, measure_counts
from edge.base.errors import UserError
from edge.base.settings import DEFAULT_BUNDLE
from edge.model.bundle import load_bundle
from tests.benchmarks.conftest import SIZE


@pytest.mark.usefixtures("yunet")
def test_everything_is_counted_but_instructions_of_what_does_not_ship(plan, monkeypatch):
    monkeypatch.setattr(counts, "instructions", lambda bundle: 7)
    rows = measure_counts(plan)
    assert [(row["variant"], row["instructions"]) for row in rows] == [("float32", None), ("int8", 7)]
    assert all(row["operators"]["SOFTMAX"] == 1 and "DELEGATE" not in row["operators"] for row in rows)
    assert all(row["operations"] == sum(row["operators"].values()) for row in rows)


def test_a_frame_takes_as_much_every_time(bundle):
    first, second = (frame_bytes(load_bundle(bundle, "int8")) for _ in range(2))
    assert first == pytest.approx(second, rel=0.02)
    assert first > SIZE * SIZE * 3, "the crop, at least"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_instructions_of_an_inference_are_counted_without_those_of_the_start(monkeypatch):
    monkeypatch.setattr(counts, "MANY", 21)
    counted = instructions(load_bundle(DEFAULT_BUNDLE, "int8"))
    assert counted is not None
    # A start takes a thousand million, and a few of them more or less from one time to the next.
    assert 5e6 < counted < 1e8


@pytest.mark.parametrize(
    ("script", "problem"),
    [("exit 132", "ended with status 132"), ("exec sleep 60", "valgrind did not finish an inference within 1 s")],
)
def test_a_valgrind_that_does_not_know_this_processor_is_a_gap(bundle, tmp_path, monkeypatch, script, problem):
    valgrind = tmp_path / "valgrind"
    valgrind.write_text(f"#!/bin/sh\n{script}\n")
    valgrind.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(counts, "VALGRIND_TIMEOUT", 1)
    with pytest.raises(UserError, match=problem):
        instructions(load_bundle(bundle, "int8"))
