"""Archives in every way, and what they take on paper."""

import pytest

from benchmarks.base.harness import distribution
from benchmarks.measure import archive
from benchmarks.measure.archive import ANALYZED_ARCHIVE, measure_archive

pytest.importorskip("distributed", reason="pip install 'emotion-edge[cluster]'")


def row(way, cores, seconds):
    return {
        "way": way,
        "cores": cores,
        "seconds": distribution([seconds]),
        "peak": 120e6,
        "clips": 40,
        "clip_seconds": 18.0,
    }


def test_the_table_compares_with_one_process():
    rows = [row("--jobs 1", 1, 36.0), row("--jobs 2", 2, 18.0), row("4 shards", 1, 37.8)]
    text = ANALYZED_ARCHIVE.text(rows)
    cells = {
        cells[1]: cells[4:8] for line in text.splitlines() if len(cells := [c.strip() for c in line.split("|")]) > 8
    }
    assert cells["--jobs 1"] == ["1.00", "0.90", "+0.0%", "20.0"]
    assert cells["--jobs 2"] == ["2.00", "0.90", "+0.0%", "20.0"]
    assert cells["4 shards"] == ["0.95", "0.94", "+5.0%", "19.0"]
    assert "10,000 hours of such video take 525 hours of a core: on 100 machines with 2 such cores 2.6 hours." in text


@pytest.mark.slow
@pytest.mark.usefixtures("yunet")
def test_every_way_analyzes_all(plan, monkeypatch):
    monkeypatch.setattr(archive, "CLIPS", 2)
    rows = measure_archive(plan)
    assert [row["way"] for row in rows] == list(archive.CASES)
    assert all(row["seconds"]["n"] == plan.rounds and row["peak"] > 50e6 for row in rows)
