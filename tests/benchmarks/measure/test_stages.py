"""Processor time of the stages."""

import time

import pytest

from benchmarks.measure.stages import NETWORKS, PARTS, REST_OF_TIME, CpuTime, shares
from edge.base.settings import Options
from edge.outputs.lines import JsonLines
from tests.benchmarks.conftest import write_clip


def work(seconds):
    """Keep the processor busy, by its own clock."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_part_does_not_count_what_is_inside_it():
    spent = CpuTime()
    inner = spent.timed("inner", lambda: work(0.05))

    def both():
        inner()
        time.sleep(0.05)  # is nobody's

    outer = spent.timed("outer", both)
    outer()
    inner()
    assert spent.seconds["inner"] >= 0.1
    assert spent.seconds["outer"] < spent.seconds["inner"] / 2


def test_time_is_counted_where_a_part_fails_too():
    spent = CpuTime()

    def fail():
        work(0.02)
        raise KeyError

    with pytest.raises(KeyError):
        spent.timed("part", fail)()
    assert spent.seconds["part"] >= 0.02


@pytest.mark.usefixtures("yunet")
def test_the_shares_of_a_run_are_a_whole(bundle, tmp_path):
    clip = write_clip(tmp_path / "long.avi", 100)  # more than queues hold: no stage has ended with the first frame
    options = Options(model=bundle, variant="int8")
    found = shares(str(clip), options, [JsonLines(tmp_path / "records.jsonl", live=True)])
    assert set(found) == {*PARTS, REST_OF_TIME}
    assert sum(found.values()) == pytest.approx(1)
    assert all(found[part] > 0 for part in ("search", "detect", "outputs"))
    assert set(NETWORKS) < set(PARTS)
    assert (tmp_path / "records.jsonl").read_text().count("\n") > 0
