"""Shards, written out or named by the environment of Slurm and Kubernetes."""

import pytest

from edge.base.shard import Shard


@pytest.mark.parametrize("text", ["1/1", "3/40", "40/40"])
def test_a_shard_is_read_and_written(text):
    assert str(Shard.parse(text)) == text


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "3/", "/4", "a/b", "1/0", "-1/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match="is not a shard: write it as 3/40, or as array"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("index", "least", "step", "shard"),
    [("0", "0", None, "1/4"), ("3", "0", "1", "4/4"), ("1", "1", "1", "1/4"), ("16", "10", "2", "4/4")],
)
def test_slurm_names_the_shard(monkeypatch, index, least, step, shard):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", index)
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "4")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", least)
    if step:
        monkeypatch.setenv("SLURM_ARRAY_TASK_STEP", step)
    assert str(Shard.parse("array")) == shard


@pytest.mark.parametrize(("index", "shard"), [("0", "1/40"), ("39", "40/40")])
def test_kubernetes_names_the_shard(monkeypatch, index, shard):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", index)
    monkeypatch.setenv("JOB_COMPLETIONS", "40")
    assert str(Shard.parse("array")) == shard


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"),
        ({"JOB_COMPLETION_INDEX": "3"}, "JOB_COMPLETIONS is not set to a number"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": ""}, "SLURM_ARRAY_TASK_COUNT is not set to a number"),
    ],
)
def test_an_environment_that_names_none_is_told(given, problem):
    with pytest.raises(ValueError, match=problem):
        Shard.of_array(given)
